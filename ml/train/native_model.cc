#include "ml/train/native_model.h"

#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <zip.h>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little, "floats are written as they lie");

constexpr const char* kHead = "archive/extra/starling.json";
constexpr std::size_t kHeadMax = 1 << 16;
constexpr int kFormat = 1;
constexpr int kNextFormat = 2;  // with activations other than ReLU, and outputs as logarithms

/// Name in the head, and how TorchScript says it; {0} is its argument.
struct ActivationName {
  std::string_view name, call;
};

constexpr std::array<ActivationName, 7> kActivations{
    {{"relu", "torch.relu({0})"},
     {"gelu",
      "torch.mul(torch.mul({0}, 0.5), torch.add(torch.tanh(torch.mul(torch.add({0}, "
      "torch.mul(torch.pow({0}, 3), 0.044715)), 0.7978845608028654)), 1))"},
     {"selu", "torch.selu({0})"},
     {"mish", "torch.mish({0})"},
     {"silu", "torch.silu({0})"},
     {"tanh", "torch.tanh({0})"},
     {"sigmoid", "torch.sigmoid({0})"}}};

const ActivationName& name_of(Activation activation) {
  return kActivations[static_cast<std::size_t>(activation)];
}

Error corrupt(std::string_view why) {
  return {Errc::corrupt, fmt::format("not a network of this program: {}", why)};
}

// --- the module, pickled -------------------------------------------------------------------------

/// Protocol 2, without a memo.
class Pickle {
 public:
  Pickle& raw(std::string_view opcodes) {
    bytes_ += opcodes;
    return *this;
  }

  Pickle& global(std::string_view module, std::string_view name) {
    bytes_ += fmt::format("c{}\n{}\n", module, name);
    return *this;
  }

  Pickle& text(std::string_view text) {
    bytes_ += 'X';
    return number32(text.size()).raw(text);
  }

  Pickle& number(std::size_t number) {
    bytes_ += 'J';
    return number32(number);
  }

  const std::string& bytes() const { return bytes_; }

 private:
  Pickle& number32(std::size_t number) {
    const auto value = static_cast<std::uint32_t>(number);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    return *this;
  }

  std::string bytes_;
};

struct Tensor {
  std::string name;
  std::vector<std::size_t> sides;
  std::vector<float> values;
};

void pickle_tensor(Pickle& pickle, const Tensor& tensor, std::size_t number) {
  pickle.text(tensor.name).global("torch._utils", "_rebuild_tensor_v2");
  pickle.raw("((").text("storage").global("torch", "FloatStorage").text(std::to_string(number));
  pickle.text("cpu").number(tensor.values.size()).raw("tQ").number(0).raw("(");
  for (const std::size_t side : tensor.sides)
    pickle.number(side);
  pickle.raw("t(");
  if (tensor.sides.size() == 2) pickle.number(tensor.sides[1]);
  pickle.number(1).raw("t\x89").global("collections", "OrderedDict").raw(")RtR");
}

std::string pickled(const std::vector<Tensor>& tensors) {
  Pickle pickle;
  pickle.raw("\x80\x02").global("__torch__", "StarlingMlp").raw(")\x81}(");
  pickle.text("training").raw("\x89");
  for (std::size_t i = 0; i < tensors.size(); ++i)
    pickle_tensor(pickle, tensors[i], i);
  return pickle.raw("ub.").bytes();
}

std::string code_of(const NativeModel& model, const std::vector<Tensor>& tensors) {
  std::string names;
  std::string fields;
  for (const Tensor& tensor : tensors) {
    names += fmt::format("\"{}\", ", tensor.name);
    fields += fmt::format("  {} : Tensor\n", tensor.name);
  }
  std::string code = fmt::format(
      "class StarlingMlp(Module):\n  __parameters__ = [{}]\n  __buffers__ = []\n"
      "  training : bool\n{}  def forward(self: __torch__.StarlingMlp,\n    x: Tensor) -> "
      "Tensor:\n",
      names,
      fields);
  std::string x = "x";
  for (std::size_t i = 0; i <= model.hidden.size(); ++i) {
    code += fmt::format("    y{0} = torch.linear({1}, self.weight{0}, self.bias{0})\n", i, x);
    x = fmt::format("y{}", i);
    if (i == model.hidden.size()) break;
    code += fmt::format("    x{} = {}\n", i, torchscript_call(model.activation, x));
    x = fmt::format("x{}", i);
  }
  if (!model.is_regression) return code + fmt::format("    return torch.softmax({}, 1)\n", x);
  return code + fmt::format(
                    "    scaled = torch.mul(torch.squeeze({}, 1), {:.17e})\n"
                    "    return {}torch.add(scaled, {:.17e}){}\n",
                    x,
                    model.scale,
                    model.is_log ? "torch.expm1(" : "",
                    model.shift,
                    model.is_log ? ")" : "");
}

/// Calls `visit(inputs, outputs)` for each layer.
template <class Visit>
void for_each_layer(const NativeModel& model, const Visit& visit) {
  std::size_t before = model.inputs;
  for (const std::size_t width : model.hidden) {
    visit(before, width);
    before = width;
  }
  visit(before, model.outputs);
}

std::vector<Tensor> tensors_of(const NativeModel& model) {
  std::vector<Tensor> tensors;
  const float* at = model.weights.data();
  for_each_layer(model, [&](std::size_t inputs, std::size_t outputs) {
    const std::size_t number = tensors.size() / 2;
    Tensor weight{fmt::format("weight{}", number), {outputs, inputs}, {}};
    for (std::size_t out = 0; out < outputs; ++out)
      for (std::size_t in = 0; in < inputs; ++in)
        weight.values.push_back(at[in * outputs + out]);
    at += inputs * outputs;
    tensors.push_back(std::move(weight));
    tensors.push_back({fmt::format("bias{}", number), {outputs}, {at, at + outputs}});
    at += outputs;
  });
  return tensors;
}

// --- the archive ---------------------------------------------------------------------------------

struct ZipCloser {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};

struct SourceCloser {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};

using Zip = std::unique_ptr<zip_t, ZipCloser>;
using ZipSource = std::unique_ptr<zip_source_t, SourceCloser>;

bool add(zip_t* zip, const std::string& name, std::string_view content) {
  zip_source_t* source = zip_source_buffer(zip, content.data(), content.size(), 0);
  if (source == nullptr) return false;
  const zip_int64_t index = zip_file_add(zip, name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return false;
  }
  const auto place = static_cast<zip_uint64_t>(index);
  const std::uint16_t first_of_1980 = 1 << 5 | 1;
  return zip_set_file_compression(zip, place, ZIP_CM_STORE, 0) == 0 &&
         zip_file_set_dostime(zip, place, 0, first_of_1980, 0) == 0;
}

std::optional<std::string> content_of(zip_source_t* source) {
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_source_open(source) != 0) return std::nullopt;
  std::string bytes;
  if (zip_source_stat(source, &info) == 0) bytes.resize(info.size);
  const bool is_whole =
      zip_source_read(source, bytes.data(), bytes.size()) == static_cast<zip_int64_t>(bytes.size());
  zip_source_close(source);
  if (!is_whole || bytes.empty()) return std::nullopt;
  return bytes;
}

struct Part {
  std::string name;
  std::string_view content;
};

Result<std::string> archive_of(const std::vector<Part>& parts) {
  const Error failure{Errc::io, "the network cannot be put into a zip archive"};
  zip_error_t error;
  zip_error_init(&error);
  const ZipSource source{zip_source_buffer_create(nullptr, 0, 0, &error)};
  if (!source) return failure;
  zip_source_keep(source.get());  // the archive takes one share, this function the other
  Zip zip{zip_open_from_source(source.get(), ZIP_CREATE | ZIP_TRUNCATE, &error)};
  if (!zip) {
    zip_source_free(source.get());
    return failure;
  }
  for (const Part& part : parts)
    if (!add(zip.get(), "archive/" + part.name, part.content)) return failure;
  if (zip_close(zip.get()) != 0) return failure;
  [[maybe_unused]] zip_t* const closed = zip.release();  // zip_close has freed it.
  auto bytes = content_of(source.get());
  return bytes ? Result<std::string>{std::move(*bytes)} : Result<std::string>{failure};
}

Zip opened(std::string_view bytes) {
  zip_error_t error;
  zip_error_init(&error);
  ZipSource source{zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error)};
  if (!source) return nullptr;
  Zip zip{zip_open_from_source(source.get(), ZIP_RDONLY | ZIP_CHECKCONS, &error)};
  if (zip) static_cast<void>(source.release());  // it is the archive's now
  return zip;
}

/// Nothing if it is not there, compressed, larger than `most`, or fails its checksum.
std::optional<std::string> read(zip_t* zip, const std::string& name, std::size_t most) {
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat(zip, name.c_str(), 0, &info) != 0 || info.size > most) return std::nullopt;
  if (info.comp_method != ZIP_CM_STORE) return std::nullopt;
  zip_file_t* file = zip_fopen(zip, name.c_str(), 0);
  if (file == nullptr) return std::nullopt;
  std::string content(info.size, '\0');
  char beyond = 0;
  const zip_int64_t size = zip_fread(file, content.data(), content.size());
  // The checksum is compared when the end is met.
  const bool has_ended = zip_fread(file, &beyond, 1) == 0;
  const bool is_whole = zip_fclose(file) == 0 && size == static_cast<zip_int64_t>(info.size);
  return is_whole && has_ended ? std::optional{std::move(content)} : std::nullopt;
}

// --- reading -------------------------------------------------------------------------------------

bool is_width(std::size_t width) {
  return width >= 1 && width <= kNativeWidthMax;
}

/// No size is so large, and no network has it: what is no whole number is refused with it.
std::size_t size_in(const Json& json) {
  return json.is_number_unsigned() ? json.get<std::size_t>() : SIZE_MAX;
}

Result<NativeModel> read_head(const std::string& text) {
  NativeModel model;
  try {
    const Json head = Json::parse(text);
    const bool is_next = head.at("format") == kNextFormat;
    if (head.at("format") != kFormat && !is_next) return corrupt("its format is another");
    if (is_next) {
      model.is_log = head.at("log1p").get<bool>();
      const auto name = head.at("activation").get<std::string>();
      const auto known = std::ranges::find(kActivations, name, &ActivationName::name);
      if (known == kActivations.end()) return corrupt("its activation is unknown");
      model.activation = static_cast<Activation>(known - kActivations.begin());
    }
    model.inputs = size_in(head.at("inputs"));
    model.outputs = size_in(head.at("outputs"));
    for (const Json& width : head.at("hidden"))
      model.hidden.push_back(size_in(width));
    const auto task = head.at("task").get<std::string>();
    if (task != "regression" && task != "classes") return corrupt("its task is unknown");
    model.is_regression = task == "regression";
    model.scale = head.at("scale").get<double>();
    model.shift = head.at("shift").get<double>();
  } catch (const nlohmann::json::exception&) {
    return corrupt("its head cannot be read");
  }
  bool fits = model.inputs <= kNativeInputsMax && is_width(model.outputs) &&
              model.hidden.size() <= kNativeLayersMax && std::isfinite(model.scale) &&
              std::isfinite(model.shift);
  for (const std::size_t width : model.hidden)
    fits = fits && is_width(width);
  if (!fits) return corrupt("its sizes are out of range");
  return model;
}

bool read_floats(zip_t* zip, std::size_t number, std::size_t count, std::vector<float>& floats) {
  const std::size_t size = count * sizeof(float);
  const auto bytes = read(zip, fmt::format("archive/data/{}", number), size);
  if (!bytes || bytes->size() != size) return false;
  floats.resize(count);
  std::memcpy(floats.data(), bytes->data(), size);
  return true;
}

}  // namespace

std::string torchscript_call(Activation activation, std::string_view argument) {
  return fmt::format(fmt::runtime(name_of(activation).call), argument);
}

std::size_t weight_count(const NativeModel& model) {
  std::size_t count = 0;
  for_each_layer(model, [&count](std::size_t inputs, std::size_t outputs) {
    count += (inputs + 1) * outputs;
  });
  return count;
}

Result<std::string> to_torchscript(const NativeModel& model) {
  STARLING_ASSERT(model.weights.size() == weight_count(model), "a network has all its weights");
  const auto tensors = tensors_of(model);
  const bool is_next = model.is_log || model.activation != Activation::relu;
  Json head{{"format", is_next ? kNextFormat : kFormat},
            {"inputs", model.inputs},
            {"outputs", model.outputs},
            {"hidden", model.hidden},
            {"task", model.is_regression ? "regression" : "classes"},
            {"scale", model.scale},
            {"shift", model.shift}};
  if (is_next) {
    head["log1p"] = model.is_log;
    head["activation"] = name_of(model.activation).name;
  }
  const std::string pickle = pickled(tensors);
  const std::string code = code_of(model, tensors);
  const std::string extra = head.dump();
  std::vector<Part> parts{{"data.pkl", pickle},
                          {"code/__torch__.py", code},
                          {"constants.pkl", "\x80\x02)."},
                          {"version", "3\n"},
                          {"extra/starling.json", extra}};
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& values = tensors[i].values;
    parts.push_back(
        {fmt::format("data/{}", i),
         {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)}});
  }
  return archive_of(parts);
}

bool is_native_model(std::string_view bytes) {
  const Zip zip = opened(bytes);
  return zip && zip_name_locate(zip.get(), kHead, 0) >= 0;
}

Result<NativeModel> read_native_model(std::string_view bytes) {
  const Zip zip = opened(bytes);
  if (!zip) return corrupt("it is not a whole zip file");
  const auto head = read(zip.get(), kHead, kHeadMax);
  if (!head) return corrupt("it has no head of the own engine");
  auto model = read_head(*head);
  if (!model) return model;
  // Nothing is compressed: weights that the bytes cannot hold are not there.
  if (weight_count(*model) > bytes.size() / sizeof(float))
    return corrupt("it has fewer weights than it says");
  std::size_t number = 0;
  bool is_whole = true;
  for_each_layer(*model, [&](std::size_t inputs, std::size_t outputs) {
    std::vector<float> weight;
    std::vector<float> bias;
    is_whole = is_whole && read_floats(zip.get(), number, inputs * outputs, weight) &&
               read_floats(zip.get(), number + 1, outputs, bias);
    number += 2;
    if (!is_whole) return;
    for (std::size_t in = 0; in < inputs; ++in)
      for (std::size_t out = 0; out < outputs; ++out)
        model->weights.push_back(weight[out * inputs + in]);
    model->weights.insert(model->weights.end(), bias.begin(), bias.end());
  });
  if (!is_whole) return corrupt("its weights are missing, damaged or of another size");
  return model;
}

void scale_outputs(std::vector<float>& numbers, double scale, double shift, bool is_log) {
  for (float& number : numbers) {
    const double value = static_cast<double>(number) * scale + shift;
    constexpr double kMost = std::numeric_limits<float>::max();
    const double said = is_log ? std::expm1(value) : value;
    number = static_cast<float>(said > kMost ? kMost : said < -kMost ? -kMost : said);
  }
}

}  // namespace starling::ml
