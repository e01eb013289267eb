/// The Python script in every artifact: predicts with PyTorch alone (predict.py).
#pragma once

#include <string_view>

namespace starling::ml {

std::string_view predict_script();

}  // namespace starling::ml
