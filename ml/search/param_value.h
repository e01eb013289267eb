/// One value of one hyperparameter, and the values of one trial.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>

namespace starling::ml {

/// A number, a whole number, or a word. JSON's 1 is whole, 1.0 is not.
using ParamValue = std::variant<double, std::int64_t, std::string>;

/// Values by parameter name. A parameter whose `when` does not hold is absent.
using Params = std::map<std::string, ParamValue>;

}  // namespace starling::ml
