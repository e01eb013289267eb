#include "ml/engine/network_shape.h"

#include "node/base/assert.h"
#include "node/base/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace starling::ml {
namespace {

/// As torch.nn.Linear begins.
double bound_of(double inputs) {
  return 1 / std::sqrt(std::max(inputs, 1.0));
}

double weight_bound(const Tensor& tensor, WeightInit init) {
  const auto inputs = static_cast<double>(std::max<std::size_t>(tensor.rows, 1));
  switch (init) {
    case WeightInit::inputs: break;
    case WeightInit::xavier: return std::sqrt(6 / (inputs + static_cast<double>(tensor.columns)));
    case WeightInit::kaiming: return std::sqrt(6 / inputs);
    case WeightInit::tangent: break;
  }
  return bound_of(inputs);
}

class Builder {
 public:
  void add(Tensor tensor) {
    tensor.offset = plan_.total;
    plan_.total += tensor.floats();
    plan_.tensors.push_back(std::move(tensor));
  }

  void add_row(std::string name, std::size_t columns, Init init, double scale = 0) {
    add({.name = std::move(name), .columns = columns, .init = init, .scale = scale});
  }

  void end_of_trained() { plan_.trained = plan_.total; }

  void end_of_fixed() { plan_.fixed = plan_.total; }

  TensorPlan take() { return std::move(plan_); }

 private:
  TensorPlan plan_;
};

void add_embedding(const InputEmbedding& e, Builder& build) {
  const std::size_t numbers = e.numbers.size();
  const double bound = bound_of(static_cast<double>(e.features()));
  if (numbers > 0 && e.kind == NumberEmbedding::periodic) {
    build.add({.name = "frequencies",
               .rows = numbers,
               .columns = e.bins,
               .init = Init::normal,
               .scale = e.frequency_scale,
               .sides = 2});
  }
  if (numbers > 0) {
    build.add({.name = "number_weight",
               .blocks = numbers,
               .rows = e.features(),
               .columns = e.width,
               .init = Init::uniform,
               .scale = bound,
               .sides = 3});
    build.add({.name = "number_bias",
               .rows = numbers,
               .columns = e.width,
               .init = Init::uniform,
               .scale = bound,
               .sides = 2});
  }
  for (std::size_t j = 0; j < e.levels.size(); ++j) {
    build.add({.name = fmt::format("level_weight{}", j),
               .rows = e.levels[j].count,
               .columns = e.level_width,
               .init = Init::normal,
               .scale = 0.1,
               .sides = 2});
  }
}

void add_layers(const NetworkShape& shape, Builder& build) {
  for (std::size_t i = 0; i < shape.hidden.size(); ++i) {
    const std::size_t width = shape.hidden[i].width;
    const std::size_t before = shape.width_before(i);
    build.add({.name = fmt::format("weight{}", i),
               .rows = before,
               .columns = width,
               .init = Init::weight,
               .sides = 2,
               .is_linear = true});
    build.add_row(fmt::format("bias{}", i), width, Init::bias, static_cast<double>(before));
    if (shape.hidden[i].norm == Norm::none) continue;
    build.add_row(fmt::format("gain{}", i), width, Init::ones);
    build.add_row(fmt::format("shift{}", i), width, Init::zeros);
  }
  const std::size_t last = shape.hidden.size();
  const std::size_t before = shape.width_before(last);
  build.add({.name = fmt::format("weight{}", last),
             .blocks = shape.members,
             .rows = before,
             .columns = shape.outputs,
             .init = Init::weight,
             .sides = shape.members == 1 ? 2U : 3U,
             .is_linear = shape.members == 1,
             .is_last = true});
  build.add({.name = fmt::format("bias{}", last),
             .rows = shape.members,
             .columns = shape.outputs,
             .init = Init::bias,
             .scale = static_cast<double>(before),
             .sides = shape.members == 1 ? 1U : 2U,
             .is_last = true});
}

/// Twelve numbers from 0 to 1 have a variance of 1.
double normal_of(Random& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i)
    sum += random.unit();
  return sum;
}

double tangent_value(const Tensor& tensor, Random& random) {
  if (tensor.is_last) return 0;
  const bool is_weight = tensor.init == Init::weight;
  return normal_of(random) * (is_weight ? bound_of(static_cast<double>(tensor.rows)) : 1);
}

double first_value(const Tensor& tensor, WeightInit init, Random& random) {
  const auto within = [&random](double bound) { return (2 * random.unit() - 1) * bound; };
  const bool is_of_layer = tensor.init == Init::weight || tensor.init == Init::bias;
  if (is_of_layer && init == WeightInit::tangent) return tangent_value(tensor, random);
  switch (tensor.init) {
    case Init::zeros: break;
    case Init::ones: return 1;
    case Init::uniform: return within(tensor.scale);
    case Init::weight: return within(weight_bound(tensor, init));
    case Init::bias: return init == WeightInit::inputs ? within(bound_of(tensor.scale)) : 0;
    case Init::signs: return random.chance(0.5) ? 1 : -1;
    case Init::normal: return normal_of(random) * tensor.scale;
  }
  return 0;
}

}  // namespace

std::vector<HiddenLayer> hidden_layers(const std::vector<std::size_t>& widths, HiddenLayer like) {
  std::vector<HiddenLayer> layers;
  for (const std::size_t width : widths) {
    like.width = width;
    layers.push_back(like);
  }
  return layers;
}

bool NetworkShape::has_batch_norm() const {
  return std::ranges::find(hidden, Norm::batch, &HiddenLayer::norm) != hidden.end();
}

std::size_t NetworkShape::embedded() const {
  std::size_t replaced = embedding.numbers.size();
  for (const LevelBlock& block : embedding.levels)
    replaced += block.count;
  return inputs - replaced + embedding.numbers.size() * embedding.width +
         embedding.levels.size() * embedding.level_width;
}

std::vector<std::size_t> NetworkShape::plain_inputs() const {
  std::vector<bool> is_plain(inputs, true);
  for (const std::size_t number : embedding.numbers)
    is_plain[number] = false;
  for (const LevelBlock& block : embedding.levels)
    std::fill_n(is_plain.begin() + static_cast<std::ptrdiff_t>(block.from), block.count, false);
  std::vector<std::size_t> plain;
  for (std::size_t i = 0; i < inputs; ++i)
    if (is_plain[i]) plain.push_back(i);
  return plain;
}

const Tensor* TensorPlan::find(std::string_view name) const {
  const auto found = std::ranges::find(tensors, name, &Tensor::name);
  return found == tensors.end() ? nullptr : &*found;
}

std::size_t TensorPlan::offset(std::string_view name) const {
  const Tensor* tensor = find(name);
  STARLING_ASSERT(tensor != nullptr, "the network has such a tensor");
  return tensor->offset;
}

std::size_t TensorPlan::values() const {
  std::size_t count = 0;
  for (const Tensor& tensor : tensors)
    count += tensor.values();
  return count;
}

TensorPlan tensors_of(const NetworkShape& shape) {
  Builder build;
  add_embedding(shape.embedding, build);
  if (shape.has_scales()) {
    build.add({.name = "member_scale",
               .rows = shape.members,
               .columns = shape.embedded(),
               .init = shape.members == 1                ? Init::ones
                       : shape.embedding.numbers.empty() ? Init::signs
                                                         : Init::normal,
               .scale = 1,
               .sides = 2});
  }
  add_layers(shape, build);
  build.end_of_trained();
  if (!shape.embedding.numbers.empty() && shape.embedding.kind == NumberEmbedding::piecewise) {
    for (const char* name : {"bin_low", "bin_inverse"})
      build.add({.name = name,
                 .rows = shape.embedding.numbers.size(),
                 .columns = shape.embedding.bins,
                 .sides = 2});
  }
  build.end_of_fixed();
  for (std::size_t i = 0; i < shape.hidden.size(); ++i) {
    if (shape.hidden[i].norm != Norm::batch) continue;
    build.add_row(fmt::format("mean{}", i), shape.hidden[i].width, Init::zeros);
    build.add_row(fmt::format("variance{}", i), shape.hidden[i].width, Init::ones);
  }
  return build.take();
}

void set_first_values(const TensorPlan& plan,
                      WeightInit init,
                      std::uint64_t seed,
                      float* parameters) {
  Random random{seed};
  for (const Tensor& tensor : plan.tensors)
    for (std::size_t row = 0; row < tensor.blocks * tensor.rows; ++row)
      for (std::size_t c = 0; c < tensor.columns; ++c)
        parameters[tensor.offset + row * tensor.stride() + c] =
            static_cast<float>(first_value(tensor, init, random));
}

std::vector<float> first_values(const NetworkShape& shape, std::uint64_t seed, WeightInit init) {
  const TensorPlan plan = tensors_of(shape);
  std::vector<float> padded(plan.total);
  set_first_values(plan, init, seed, padded.data());
  std::vector<float> values;
  values.reserve(plan.values());
  for (const Tensor& tensor : plan.tensors)
    for (std::size_t row = 0; row < tensor.blocks * tensor.rows; ++row) {
      const float* from = padded.data() + tensor.offset + row * tensor.stride();
      values.insert(values.end(), from, from + tensor.columns);
    }
  return values;
}

}  // namespace starling::ml
