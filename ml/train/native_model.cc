#include "ml/train/native_model.h"

#include "ml/train/torch_code.h"
#include "node/base/assert.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <span>
#include <zip.h>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
using ReadJson = nlohmann::json;  // finds a name without looking at all others

static_assert(std::endian::native == std::endian::little, "floats are written as they lie");

constexpr const char* kHead = "archive/extra/starling.json";
constexpr std::size_t kHeadMax = 1 << 22;   // a head may list every input
constexpr std::size_t kZipEntryBytes = 46;  // that a file in a zip has at least
constexpr int kFormat = 1;
constexpr int kSecondFormat = 2;  // with activations other than ReLU, and outputs as logarithms
constexpr int kThirdFormat = 3;   // with norms, residuals, embeddings and members
constexpr int kFourthFormat = 4;  // with an activation and a norm of each layer's own

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

void pickle_tensor(Pickle& pickle, const Tensor& tensor, std::size_t number) {
  const auto sides = torch_sides(tensor);
  pickle.text(tensor.name).global("torch._utils", "_rebuild_tensor_v2");
  pickle.raw("((").text("storage").global("torch", "FloatStorage").text(std::to_string(number));
  pickle.text("cpu").number(tensor.values()).raw("tQ").number(0).raw("(");
  for (const std::size_t side : sides)
    pickle.number(side);
  pickle.raw("t(");
  for (std::size_t i = 1; i < sides.size(); ++i)
    pickle.number(std::accumulate(sides.begin() + static_cast<std::ptrdiff_t>(i),
                                  sides.end(),
                                  std::size_t{1},
                                  std::multiplies{}));
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
      "  training : bool\n{}  def scores(self: __torch__.StarlingMlp,\n    x: Tensor) -> "
      "Tensor:\n",
      names,
      fields);
  code += torch_forward(model.net, TorchUse::answers);
  const char* const mean = model.net.members > 1 ? ", [0]" : "";
  code += "  def forward(self: __torch__.StarlingMlp,\n    x: Tensor) -> Tensor:\n";
  code += "    y = (self).scores(x, )\n";
  if (!model.is_regression) {
    code += fmt::format("    return {0}torch.softmax(y, -1){1}{2}\n",
                        *mean != 0 ? "torch.mean(" : "",
                        mean,
                        *mean != 0 ? ")" : "");
    return code;
  }
  if (*mean != 0) code += "    y = torch.mean(y, [0])\n";
  return code + fmt::format(
                    "    scaled = torch.mul(torch.squeeze(y, 1), {:.17e})\n"
                    "    return {}torch.add(scaled, {:.17e}){}\n",
                    model.scale,
                    model.is_log ? "torch.expm1(" : "",
                    model.shift,
                    model.is_log ? ")" : "");
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
std::size_t size_in(const ReadJson& json) {
  return json.is_number_unsigned() ? json.get<std::size_t>() : SIZE_MAX;
}

/// The place of a word among those that may be there. Throws nlohmann's exception otherwise.
template <class Choice, std::size_t Count>
Choice choice_in(const ReadJson& json, const std::array<std::string_view, Count>& words) {
  const auto found = std::ranges::find(words, json.get<std::string>());
  if (found == words.end()) throw ReadJson::other_error::create(501, "an unknown word", &json);
  return static_cast<Choice>(found - words.begin());
}

InputEmbedding embedding_in(const ReadJson& json) {
  InputEmbedding embedding;
  embedding.kind = choice_in<NumberEmbedding>(json.at("kind"), kEmbeddingNames);
  for (const ReadJson& number : json.at("numbers"))
    embedding.numbers.push_back(size_in(number));
  embedding.width = size_in(json.at("width"));
  embedding.bins = size_in(json.at("bins"));
  for (const ReadJson& level : json.at("levels"))
    embedding.levels.push_back({size_in(level.at(0)), size_in(level.at(1))});
  embedding.level_width = size_in(json.at("level_width"));
  return embedding;
}

Json embedding_json(const InputEmbedding& embedding) {
  Json levels = Json::array();
  for (const LevelBlock& block : embedding.levels)
    levels.push_back({block.from, block.count});
  return {{"kind", kEmbeddingNames[static_cast<std::size_t>(embedding.kind)]},
          {"numbers", embedding.numbers},
          {"width", embedding.width},
          {"bins", embedding.bins},
          {"levels", std::move(levels)},
          {"level_width", embedding.level_width}};
}

bool is_embedded_width(std::size_t width) {
  return width >= kLanes && width <= kNativeEmbeddingMax && width % kLanes == 0;
}

/// Whether every input is embedded at most once, and none that is not there.
bool fits(const InputEmbedding& embedding, std::size_t inputs) {
  if (!is_embedded_width(embedding.width) || !is_embedded_width(embedding.level_width))
    return false;
  if (embedding.bins < 1 || embedding.bins > kNativeEmbeddingMax) return false;
  if ((embedding.kind == NumberEmbedding::none) != embedding.numbers.empty()) return false;
  std::vector<LevelBlock> taken = embedding.levels;
  for (const std::size_t number : embedding.numbers)
    taken.push_back({number, 1});
  std::ranges::sort(taken, {}, &LevelBlock::from);
  std::size_t end = 0;
  for (const LevelBlock& block : taken) {
    if (block.from < end || block.count < 1 || block.count > inputs) return false;
    end = block.from + block.count;
    if (block.from > inputs || end > inputs) return false;
  }
  return std::ranges::is_sorted(embedding.numbers) &&
         std::ranges::is_sorted(embedding.levels, {}, &LevelBlock::from);
}

bool fits(const NetworkShape& net) {
  const bool has_widths = std::ranges::all_of(net.hidden, is_width, &HiddenLayer::width);
  return net.inputs <= kNativeInputsMax && is_width(net.outputs) && has_widths &&
         net.hidden.size() <= kNativeLayersMax && net.members >= 1 &&
         net.members <= kNativeMembersMax && fits(net.embedding, net.inputs);
}

void read_network(const ReadJson& head, int format, NetworkShape& net) {
  net.inputs = size_in(head.at("inputs"));
  net.outputs = size_in(head.at("outputs"));
  const ReadJson& widths = head.at("hidden");
  if (widths.size() > kNativeLayersMax)
    throw ReadJson::other_error::create(501, "too many layers", &widths);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    // Up to the third format one word says it of all layers.
    const auto of_layer = [&](const char* what) -> const ReadJson& {
      return format < kFourthFormat ? head.at(what) : head.at(what).at(i);
    };
    HiddenLayer& layer = net.hidden.emplace_back(HiddenLayer{.width = size_in(widths.at(i))});
    if (format >= kSecondFormat)
      layer.activation = choice_in<Activation>(of_layer("activation"), kActivationNames);
    if (format >= kThirdFormat) layer.norm = choice_in<Norm>(of_layer("norm"), kNormNames);
  }
  if (format < kThirdFormat) return;
  net.is_residual = head.at("residual").get<bool>();
  net.members = size_in(head.at("members"));
  net.embedding = embedding_in(head.at("embedding"));
}

Result<NativeModel> read_head(const std::string& text) {
  NativeModel model;
  try {
    const ReadJson head = ReadJson::parse(text);
    const auto format = size_in(head.at("format"));
    if (format < kFormat || format > kFourthFormat) return corrupt("its format is another");
    read_network(head, static_cast<int>(format), model.net);
    if (format >= kSecondFormat) model.is_log = head.at("log1p").get<bool>();
    const auto task = head.at("task").get<std::string>();
    if (task != "regression" && task != "classes") return corrupt("its task is unknown");
    model.is_regression = task == "regression";
    model.scale = head.at("scale").get<double>();
    model.shift = head.at("shift").get<double>();
  } catch (const nlohmann::json::exception&) {
    return corrupt("its head cannot be read");
  }
  const bool is_finite = std::isfinite(model.scale) && std::isfinite(model.shift);
  if (!is_finite || !fits(model.net)) return corrupt("its sizes are out of range");
  return model;
}

/// Whether its layers differ in more than their widths, or do what older programs do not know.
bool needs_fourth_format(const NetworkShape& net) {
  return std::ranges::any_of(net.hidden, [&net](const HiddenLayer& layer) {
    const bool is_new =
        layer.activation == Activation::identity || layer.activation == Activation::softmax;
    return is_new || layer.activation != net.hidden[0].activation ||
           layer.norm != net.hidden[0].norm;
  });
}

/// No newer than it must be.
int format_of(const NativeModel& model) {
  const NetworkShape& net = model.net;
  const HiddenLayer first = net.hidden.empty() ? HiddenLayer{} : net.hidden[0];
  if (needs_fourth_format(net)) return kFourthFormat;
  if (first.norm != Norm::none || net.is_residual || net.members > 1 || !net.embedding.is_empty())
    return kThirdFormat;
  return model.is_log || first.activation != Activation::relu ? kSecondFormat : kFormat;
}

/// Of each layer; up to the third format of all in one word.
template <class Names, class Get>
Json words_of(const NetworkShape& net, int format, const Names& names, Get get) {
  Json words = Json::array();
  for (const HiddenLayer& layer : net.hidden)
    words.push_back(names[static_cast<std::size_t>(get(layer))]);
  if (format >= kFourthFormat) return words;
  return words.empty() ? Json(names[0]) : words[0];
}

Json head_of(const NativeModel& model) {
  const NetworkShape& net = model.net;
  const int format = format_of(model);
  std::vector<std::size_t> widths;
  for (const HiddenLayer& layer : net.hidden)
    widths.push_back(layer.width);
  Json head{{"format", format},
            {"inputs", net.inputs},
            {"outputs", net.outputs},
            {"hidden", widths},
            {"task", model.is_regression ? "regression" : "classes"},
            {"scale", model.scale},
            {"shift", model.shift}};
  if (format >= kSecondFormat) {
    head["log1p"] = model.is_log;
    head["activation"] = words_of(
        net, format, kActivationNames, [](const HiddenLayer& layer) { return layer.activation; });
  }
  if (format >= kThirdFormat) {
    head["norm"] =
        words_of(net, format, kNormNames, [](const HiddenLayer& layer) { return layer.norm; });
    head["residual"] = net.is_residual;
    head["members"] = net.members;
    head["embedding"] = embedding_json(net.embedding);
  }
  return head;
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

Result<std::string> to_torchscript(const NativeModel& model) {
  const auto tensors = tensors_of(model.net);
  STARLING_ASSERT(model.weights.size() == tensors.values(), "a network has all its weights");
  const std::string pickle = pickled(tensors.tensors);
  const std::string code = code_of(model, tensors.tensors);
  const std::string extra = head_of(model).dump();
  std::vector<Part> parts{{"data.pkl", pickle},
                          {"code/__torch__.py", code},
                          {"constants.pkl", "\x80\x02)."},
                          {"version", "3\n"},
                          {"extra/starling.json", extra}};
  std::vector<std::vector<float>> all;
  const float* at = model.weights.data();
  for (const Tensor& tensor : tensors.tensors) {
    const auto& values = all.emplace_back(to_torch(tensor, at));
    at += tensor.values();
    parts.push_back(
        {fmt::format("data/{}", all.size() - 1),
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
  const std::size_t entries_max = bytes.size() / kZipEntryBytes;
  if (model->net.embedding.levels.size() > entries_max) return corrupt("it has too many levels");
  const auto tensors = tensors_of(model->net);
  if (tensors.values() > bytes.size() / sizeof(float))
    return corrupt("it has fewer weights than it says");
  model->weights.reserve(tensors.values());
  std::vector<float> values;
  for (std::size_t i = 0; i < tensors.tensors.size(); ++i) {
    const Tensor& tensor = tensors.tensors[i];
    if (!read_floats(zip.get(), i, tensor.values(), values))
      return corrupt("its weights are missing, damaged or of another size");
    const auto own = from_torch(tensor, values.data());
    model->weights.insert(model->weights.end(), own.begin(), own.end());
  }
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
