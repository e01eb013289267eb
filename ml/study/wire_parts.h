/// The pieces of study.proto that stored values and commands share. For *_wire.cc files only.
#pragma once

#include "ml/study/study.h"
#include "ml/study/study.pb.h"
#include "node/base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace starling::ml {

template <class Array>
std::string to_raw(const Array& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Leaves zeros if the length is wrong: ids of another length cannot have been written here.
template <class Array>
void from_raw(const std::string& raw, Array& bytes) {
  if (raw.size() == bytes.size()) std::copy(raw.begin(), raw.end(), bytes.begin());
}

template <class Repeated>
void fill_metrics(Repeated* out, const Metrics& metrics) {
  for (const auto& [name, value] : metrics) {
    auto* metric = out->Add();
    metric->set_name(name);
    metric->set_value(value);
  }
}

template <class Repeated>
Metrics read_metrics(const Repeated& in) {
  Metrics metrics;
  for (const auto& metric : in)
    metrics[metric.name()] = metric.value();
  return metrics;
}

/// False unless `number` is one of the values 1 to `last`.
template <class Enum>
bool from_number(std::uint32_t number, Enum last, Enum& out) {
  out = static_cast<Enum>(number);
  return number >= 1 && number <= static_cast<std::uint32_t>(last);
}

inline Error corrupt(std::string_view what, std::string_view bytes) {
  return {Errc::corrupt, fmt::format("{} of {} bytes does not parse", what, bytes.size())};
}

template <class Message>
bool parse(Message& message, std::string_view bytes) {
  return bytes.size() < (1U << 30) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void fill(wire::Params* out, const Params& params);
void fill(wire::Attempt* out, const Attempt& attempt);
void fill(wire::Dataset* out, const Dataset& dataset);
void fill(wire::StudySpec* out, const StudySpec& spec);
void fill(wire::FinalResult* out, const FinalResult& result);
void fill(wire::ModelCost* out, const ModelCost& cost);

Params read(const wire::Params& in);
Attempt read(const wire::Attempt& in);
Dataset read(const wire::Dataset& in);
StudySpec read(const wire::StudySpec& in);
FinalResult read(const wire::FinalResult& in);
ModelCost read(const wire::ModelCost& in);

}  // namespace starling::ml
