#include "ml/train/torch_code.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

namespace starling::ml {
namespace {

/// {0} is the argument.
constexpr std::array<std::string_view, 9> kCalls{
    "torch.relu({0})",
    "torch.mul(torch.mul({0}, 0.5), torch.add(torch.tanh(torch.mul(torch.add({0}, "
    "torch.mul(torch.pow({0}, 3), 0.044715)), 0.7978845608028654)), 1))",
    "torch.selu({0})",
    "torch.mish({0})",
    "torch.silu({0})",
    "torch.tanh({0})",
    "torch.sigmoid({0})",
    "{0}",
    "torch.softmax({0}, 1)"};

constexpr std::string_view kSelected =
    "torch.index_select({0}, 1, torch.tensor({1}, dtype=None, device={0}.device))";

/// Lines, indented; each step gives its result a name.
class Code {
 public:
  void line(std::string_view text) { text_ += fmt::format("    {}\n", text); }

  /// The result becomes `x`.
  void becomes(std::string_view expression) { line(fmt::format("x = {}", expression)); }

  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

void embed_numbers(const InputEmbedding& e, Code& code) {
  code.line("n = torch.unsqueeze(" + fmt::format(kSelected, "x", e.numbers) + ", 2)");
  if (e.kind == NumberEmbedding::periodic) {
    code.line("v = torch.mul(torch.mul(n, self.frequencies), 6.283185307179586)");
    code.line("f = torch.cat([torch.cos(v), torch.sin(v)], 2)");
  } else {
    code.line("f = torch.clamp(torch.mul(torch.sub(n, self.bin_low), self.bin_inverse), 0., 1.)");
  }
  code.line("w = torch.matmul(torch.permute(f, [1, 0, 2]), self.number_weight)");
  code.line("w = torch.relu(torch.add(w, torch.unsqueeze(self.number_bias, 1)))");
  code.line(fmt::format("w = torch.reshape(torch.permute(w, [1, 0, 2]), [-1, {}])",
                        e.numbers.size() * e.width));
}

/// The inputs as the first layer takes them.
void embed(const NetworkShape& net, Code& code) {
  const InputEmbedding& e = net.embedding;
  std::string parts;
  if (!e.numbers.empty()) {
    embed_numbers(e, code);
    parts += "w, ";
  }
  for (std::size_t j = 0; j < e.levels.size(); ++j) {
    code.line(fmt::format("l{0} = torch.matmul(torch.narrow(x, 1, {1}, {2}), self.level_weight{0})",
                          j,
                          e.levels[j].from,
                          e.levels[j].count));
    parts += fmt::format("l{}, ", j);
  }
  const auto plain = net.plain_inputs();
  if (!plain.empty()) {
    code.line("p = " + fmt::format(kSelected, "x", plain));
    parts += "p, ";
  }
  parts.resize(parts.size() - 2);
  code.becomes(fmt::format("torch.cat([{}], 1)", parts));
}

void normalise(const NetworkShape& net, std::size_t layer, Code& code) {
  const HiddenLayer& says = net.hidden[layer];
  if (says.norm == Norm::layer) {
    code.becomes(fmt::format(
        "torch.layer_norm(x, [{1}], self.gain{0}, self.shift{0}, 1.0000000000000001e-05)",
        layer,
        says.width));
  }
  if (says.norm == Norm::batch) {
    code.becomes(
        fmt::format("torch.batch_norm(x, self.gain{0}, self.shift{0}, self.mean{0}, "
                    "self.variance{0}, self.training, 0.10000000000000001, "
                    "1.0000000000000001e-05, False)",
                    layer));
  }
}

void hidden_layer(const NetworkShape& net, std::size_t layer, TorchUse use, Code& code) {
  const HiddenLayer& says = net.hidden[layer];
  if (net.adds(layer)) code.line("g = x");
  code.becomes(fmt::format("torch.linear(x, self.weight{0}, self.bias{0})", layer));
  normalise(net, layer, code);
  code.becomes(torch_call(says.activation, "x"));
  if (use == TorchUse::training && says.dropout > 0)
    code.becomes(fmt::format("torch.dropout(x, {:.17g}, self.training)", says.dropout));
  if (net.adds(layer)) code.becomes("torch.add(x, g)");
}

}  // namespace

std::string torch_call(Activation activation, std::string_view argument) {
  return fmt::format(fmt::runtime(kCalls[static_cast<std::size_t>(activation)]), argument);
}

std::string torch_forward(const NetworkShape& net, TorchUse use) {
  Code code;
  if (!net.embedding.is_empty()) embed(net, code);
  if (net.members > 1) {
    code.becomes("torch.mul(torch.unsqueeze(x, 0), torch.unsqueeze(self.member_scale, 1))");
    code.becomes(fmt::format("torch.reshape(x, [-1, {}])", net.embedded()));
  }
  for (std::size_t i = 0; i < net.hidden.size(); ++i)
    hidden_layer(net, i, use, code);
  const std::size_t last = net.hidden.size();
  if (net.members == 1) {
    code.line(fmt::format("return torch.linear(x, self.weight{0}, self.bias{0})", last));
    return code.take();
  }
  code.becomes(fmt::format("torch.reshape(x, [{}, -1, {}])", net.members, net.width_before(last)));
  code.becomes(fmt::format("torch.matmul(x, self.weight{})", last));
  code.line(fmt::format("return torch.add(x, torch.unsqueeze(self.bias{}, 1))", last));
  return code.take();
}

std::vector<std::size_t> torch_sides(const Tensor& tensor) {
  if (tensor.is_linear) return {tensor.columns, tensor.rows};
  if (tensor.sides == 3) return {tensor.blocks, tensor.rows, tensor.columns};
  if (tensor.sides == 2) return {tensor.rows, tensor.columns};
  return {tensor.columns};
}

std::vector<float> to_torch(const Tensor& tensor, const float* values) {
  std::vector<float> out(values, values + tensor.values());
  for (std::size_t row = 0; row < tensor.rows && tensor.is_linear; ++row)
    for (std::size_t c = 0; c < tensor.columns; ++c)
      out[c * tensor.rows + row] = values[row * tensor.columns + c];
  return out;
}

std::vector<float> from_torch(const Tensor& tensor, const float* values) {
  std::vector<float> out(values, values + tensor.values());
  for (std::size_t row = 0; row < tensor.rows && tensor.is_linear; ++row)
    for (std::size_t c = 0; c < tensor.columns; ++c)
      out[row * tensor.columns + c] = values[c * tensor.rows + row];
  return out;
}

}  // namespace starling::ml
