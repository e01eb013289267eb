#include "ml/serve/artifact.h"

#include "ml/serve/container_file.h"
#include "ml/serve/predict_script.h"
#include "ml/table/encoder_json.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <zip.h>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kScript = "predict.py";  // for people without Starling
constexpr const char* kContainer = "Dockerfile";
constexpr const char* kReport = "report.json";
constexpr const char* kFinish = "finish.json";
constexpr const char* kAnswers = "answers.bin";
constexpr const char* kSchema = "schema.json";
constexpr const char* kMetrics = "metrics.json";
constexpr const char* kBag = "bag.json";
constexpr const char* kPreprocessing = "preprocessing.json";
constexpr const char* kNetwork = "model.pt";
constexpr const char* kTrees = "model.json";
constexpr std::size_t kPieceBytes = 1 << 16;

Error zip_failure(const fs::path& path, const char* what) {
  return {Errc::io, fmt::format("{}: {}", path.string(), what)};
}

Error corrupt(const fs::path& path, const std::string& what) {
  return {Errc::corrupt, fmt::format("{} is damaged: {}", path.filename().string(), what)};
}

// --- what is written -----------------------------------------------------------------------------

/// A part of the zip: bytes that live until it is closed, or a file.
struct Part {
  std::string name;
  std::string_view content;
  fs::path file = {};
};

struct FileFacts {
  std::uint64_t bytes = 0;
  std::string hash;
  bool is_trees = false;
};

Result<FileFacts> facts_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  FileFacts facts;
  ContentHasher hasher;
  std::string piece(kPieceBytes, '\0');
  while (file.read(piece.data(), kPieceBytes) || file.gcount() > 0) {
    const auto size = static_cast<std::size_t>(file.gcount());
    if (facts.bytes == 0) facts.is_trees = is_tree_model(std::string_view{piece}.substr(0, size));
    hasher.update(std::as_bytes(std::span{piece}.first(size)));
    facts.bytes += size;
  }
  if (!file.eof() || facts.bytes == 0) return zip_failure(path, "cannot be read");
  facts.hash = hasher.finish().hex();
  return facts;
}

std::string checksum(std::string_view part) {
  return hash_of(std::as_bytes(std::span{part})).hex();
}

/// What goes into the zip, in its order, and the texts that were made for it.
struct Contents {
  std::vector<Part> parts;
  Json manifest{{"format", kArtifactFormat}, {"hash", "BLAKE2b-256"}, {"parts", Json::object()}};
  std::string bag, container, manifest_text;
  bool has_networks = false, has_trees = false;

  void add(std::string name, std::string_view content) {
    manifest["parts"][name] = {{"bytes", content.size()}, {"hash", checksum(content)}};
    parts.push_back({std::move(name), content});
  }

  void add(std::string name, const fs::path& file, const FileFacts& facts) {
    (facts.is_trees ? has_trees : has_networks) = true;
    manifest["parts"][name] = {{"bytes", facts.bytes}, {"hash", facts.hash}};
    parts.push_back({std::move(name), {}, file});
  }
};

Result<> add_one_model(const ArtifactModel& model, Contents& contents) {
  const auto facts = facts_of(model.file);
  if (!facts) return facts.error();
  contents.add(facts->is_trees ? kTrees : kNetwork, model.file, *facts);
  contents.add(kPreprocessing, model.preprocessing);
  return {};
}

/// Members that are encoded alike share the part that says how.
Result<> add_bag(const std::vector<ArtifactModel>& models, Contents& contents) {
  Json members = Json::array();
  std::vector<std::string_view> codings;
  for (std::size_t i = 0; i < models.size(); ++i) {
    const ArtifactModel& model = models[i];
    const auto facts = facts_of(model.file);
    if (!facts) return facts.error();
    std::string name = fmt::format("models/{}.{}", i, facts->is_trees ? "json" : "pt");
    const auto known = std::find(codings.begin(), codings.end(), model.preprocessing);
    const std::string coding = fmt::format("preprocessing/{}.json", known - codings.begin());
    if (known == codings.end()) {
      codings.emplace_back(model.preprocessing);
      contents.add(coding, model.preprocessing);
    }
    members.push_back({{"model", name},
                       {"preprocessing", coding},
                       {"weight", model.weight},
                       {"candidate", model.candidate},
                       {"fold", model.fold}});
    contents.add(std::move(name), model.file, *facts);
  }
  contents.manifest["format"] = kBagFormat;
  contents.bag = Json{{"members", members}}.dump(2);
  contents.add(kBag, contents.bag);
  return {};
}

Result<> fill(const ArtifactParts& parts, Contents& contents) {
  auto added = parts.models.size() == 1 ? add_one_model(parts.models.front(), contents)
                                        : add_bag(parts.models, contents);
  if (!added) return added;
  contents.add(kSchema, parts.schema);
  contents.add(kMetrics, parts.metrics);
  if (!parts.report.empty()) contents.add(kReport, parts.report);
  if (!parts.finish.empty()) contents.add(kFinish, parts.finish);
  if (!parts.answers.empty()) contents.add(kAnswers, parts.answers);
  contents.add(kScript, predict_script());
  contents.container = container_file(contents.has_networks, contents.has_trees);
  contents.add(kContainer, contents.container);
  contents.manifest_text = contents.manifest.dump(2);
  contents.parts.push_back({kManifest, contents.manifest_text});
  return {};
}

/// False on failure.
bool add_part(zip_t* zip, const Part& part) {
  zip_source_t* source = part.file.empty()
                             ? zip_source_buffer(zip, part.content.data(), part.content.size(), 0)
                             : zip_source_file(zip, part.file.c_str(), 0, -1);
  if (source == nullptr) return false;
  const zip_int64_t index = zip_file_add(zip, part.name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    zip_source_free(source);
    return false;
  }
  const auto place = static_cast<zip_uint64_t>(index);
  const std::uint16_t first_of_1980 = 1 << 5 | 1;
  return zip_set_file_compression(zip, place, ZIP_CM_DEFLATE, 6) == 0 &&
         zip_file_set_dostime(zip, place, 0, first_of_1980, 0) == 0;
}

struct ZipCloser {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};

using Zip = std::unique_ptr<zip_t, ZipCloser>;

// --- what is read --------------------------------------------------------------------------------

struct Opened {
  fs::path path;
  Zip zip;
  Json manifest;
};

struct PartCloser {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

/// Gives the part to `take` piece by piece. Its checksum is checked if the manifest is there.
template <class Take>
Result<> read_part(const Opened& from, const std::string& name, std::uint64_t most, Take take) {
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat(from.zip.get(), name.c_str(), 0, &info) != 0)
    return corrupt(from.path, fmt::format("{} is missing", name));
  if (info.size > most) {
    return Error{Errc::too_large,
                 fmt::format("{} of {} has {} bytes; at most {}",
                             name,
                             from.path.filename().string(),
                             info.size,
                             most)};
  }
  const std::unique_ptr<zip_file_t, PartCloser> file{zip_fopen(from.zip.get(), name.c_str(), 0)};
  if (!file) return corrupt(from.path, fmt::format("{} cannot be opened", name));
  ContentHasher hasher;
  std::string piece(kPieceBytes, '\0');
  for (std::uint64_t left = info.size; left > 0;) {
    const zip_int64_t size = zip_fread(file.get(), piece.data(), piece.size());
    if (size <= 0 || static_cast<std::uint64_t>(size) > left)
      return corrupt(from.path, fmt::format("{} cannot be read", name));
    const auto some = std::string_view{piece}.substr(0, static_cast<std::size_t>(size));
    hasher.update(std::as_bytes(std::span{some}));
    take(some);
    left -= some.size();
  }
  if (from.manifest.is_null()) return {};
  const auto said = from.manifest["parts"][name].value("hash", "");
  if (said == hasher.finish().hex()) return {};
  return corrupt(from.path, fmt::format("{} fails its checksum", name));
}

Result<> check_listed(const Opened& from, const std::string& name) {
  const auto parts = from.manifest.find("parts");
  const bool is_listed = parts != from.manifest.end() && parts->is_object() &&
                         parts->contains(name) && (*parts)[name].is_object() &&
                         (*parts)[name].contains("hash") && (*parts)[name]["hash"].is_string();
  if (is_listed) return {};
  return corrupt(from.path, fmt::format("{} is not in the manifest", name));
}

Result<std::string> text_part(const Opened& from,
                              const std::string& name,
                              std::uint64_t most = kArtifactTextBytesMax) {
  if (!from.manifest.is_null())
    if (auto listed = check_listed(from, name); !listed) return listed.error();
  std::string content;
  const auto read =
      read_part(from, name, most, [&content](std::string_view some) { content += some; });
  if (!read) return read.error();
  return content;
}

bool has_part(const Opened& from, const char* name) {
  return from.manifest.contains("parts") && from.manifest["parts"].contains(name);
}

Result<Opened> open_zip(const fs::path& path) {
  int code = 0;
  Opened opened{path, Zip{zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code)}, {}};
  if (!opened.zip && code == ZIP_ER_NOENT) return zip_failure(path, "there is no such file");
  if (!opened.zip) return corrupt(path, "it is not a whole zip file");
  const auto manifest_text = text_part(opened, kManifest);
  if (!manifest_text) return manifest_text.error();
  Json manifest = Json::parse(*manifest_text, nullptr, false);
  if (!manifest.is_object() || !manifest.contains("format"))
    return corrupt(path, "the manifest cannot be read");
  if (manifest["format"] != kArtifactFormat && manifest["format"] != kBagFormat) {
    return Error{Errc::unsupported,
                 fmt::format("{} has format {}; this version reads formats {} and {}",
                             path.filename().string(),
                             manifest["format"].dump(),
                             kArtifactFormat,
                             kBagFormat)};
  }
  opened.manifest = std::move(manifest);
  return opened;
}

/// One for each class.
Result<> check_factors(const Opened& from, const Artifact& artifact, const ClassRule& rule) {
  const std::size_t classes = artifact.encoders.front().target().classes.size();
  if (rule.factors.empty() || rule.factors.size() == classes) return {};
  return corrupt(
      from.path,
      fmt::format("{} has {} class_factors for {} classes", kFinish, rule.factors.size(), classes));
}

/// The path of the model, named by its bytes, so that the same one is there once.
Result<fs::path> unpack_model(const Opened& from, const std::string& name, const fs::path& folder) {
  if (auto listed = check_listed(from, name); !listed) return listed.error();
  const auto hash =
      ContentHash::from_hex(from.manifest["parts"][name]["hash"].get_ref<const std::string&>());
  if (!hash) return corrupt(from.path, fmt::format("the checksum of {} is none", name));
  const fs::path path = folder / (hash->hex() + ".model");
  std::error_code absent;
  if (fs::exists(path, absent)) return path;  // under this name by whoever checked it
  const fs::path unfinished = path.string() + ".part";
  std::ofstream file(unfinished, std::ios::binary | std::ios::trunc);
  const auto read = read_part(
      from, name, kArtifactPartBytesMax, [&file](std::string_view some) { file << some; });
  file.close();
  std::error_code ec;
  if (read && file) fs::rename(unfinished, path, ec);
  if (read && file && !ec) return path;
  std::error_code ignored;
  fs::remove(unfinished, ignored);
  if (!read) return read.error();
  return Error{Errc::io, fmt::format("cannot write {}", path.string())};
}

/// Which parts belong together.
struct NamedMember {
  std::string model, preprocessing;
  double weight = 1;
  std::uint32_t candidate = 0, fold = 0;
};

Result<std::vector<NamedMember>> bag_members(const Opened& from) {
  const auto text = text_part(from, kBag);
  if (!text) return text.error();
  std::vector<NamedMember> members;
  try {
    const Json bag = Json::parse(*text);
    for (const Json& one : bag.at("members")) {
      members.push_back({one.at("model").get<std::string>(),
                         one.at("preprocessing").get<std::string>(),
                         one.at("weight").get<double>(),
                         one.at("candidate").get<std::uint32_t>(),
                         one.at("fold").get<std::uint32_t>()});
      const double weight = members.back().weight;
      if (!(weight > 0 && weight <= 1)) return corrupt(from.path, "a weight is not from 0 to 1");
    }
  } catch (const Json::exception& e) {
    return corrupt(from.path, fmt::format("{} cannot be read: {}", kBag, e.what()));
  }
  double sum = 0;
  for (const NamedMember& member : members)
    sum += member.weight;
  if (std::abs(sum - 1) > 1e-6) return corrupt(from.path, "its weights do not sum to 1");
  if (members.empty() || members.size() > kBagMembersMax)
    return corrupt(from.path, fmt::format("{} has {} members", kBag, members.size()));
  return members;
}

Result<std::vector<NamedMember>> members_in(const Opened& from) {
  if (from.manifest["format"] == kBagFormat) return bag_members(from);
  const bool has_trees = zip_name_locate(from.zip.get(), kTrees, 0) >= 0;
  return std::vector<NamedMember>{{has_trees ? kTrees : kNetwork, kPreprocessing}};
}

Result<> add_members(const Opened& from, const fs::path& folder, Artifact& artifact) {
  const auto members = members_in(from);
  if (!members) return members.error();
  std::vector<std::string> codings;
  for (const NamedMember& member : *members) {
    const auto known = std::find(codings.begin(), codings.end(), member.preprocessing);
    const auto place = static_cast<std::size_t>(known - codings.begin());
    if (known == codings.end()) {
      const auto text = text_part(from, member.preprocessing);
      if (!text) return text.error();
      auto encoder = encoder_from_json(*text);
      if (!encoder) return encoder.error();
      const auto& target = encoder->target();
      const bool fits = artifact.encoders.empty() ||
                        (artifact.encoders.front().target().task == target.task &&
                         artifact.encoders.front().target().classes == target.classes);
      if (!fits) return corrupt(from.path, "its members predict different things");
      artifact.encoders.push_back(std::move(*encoder));
      codings.push_back(member.preprocessing);
    }
    auto model = unpack_model(from, member.model, folder);
    if (!model) return model.error();
    artifact.members.push_back(
        {std::move(*model), place, member.weight, member.candidate, member.fold});
  }
  return {};
}

/// Only people run it, but what is damaged is told before they do. Earlier versions had none.
Result<> check_script(const Opened& from) {
  if (!has_part(from, kScript)) return {};
  const auto script = text_part(from, kScript);
  return script ? Result<>{} : script.error();
}

Result<std::string> one_part(const fs::path& path, const char* name, std::string_view what) {
  const auto opened = open_zip(path);
  if (!opened) return opened.error();
  if (!has_part(*opened, name))
    return Error{Errc::not_found, fmt::format("this model has no {}", what)};
  return text_part(*opened, name, kArtifactPartBytesMax);
}

}  // namespace

Result<std::uint64_t> write_artifact(const fs::path& path, const ArtifactParts& parts) {
  Contents contents;
  if (auto filled = fill(parts, contents); !filled) return filled.error();
  int code = 0;
  const fs::path unfinished = path.string() + ".part";
  Zip zip{zip_open(unfinished.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code)};
  if (!zip) return zip_failure(unfinished, "cannot be written");
  for (const Part& part : contents.parts)
    if (!add_part(zip.get(), part)) return zip_failure(path, zip_strerror(zip.get()));
  if (zip_close(zip.get()) != 0) return zip_failure(path, zip_strerror(zip.get()));
  [[maybe_unused]] zip_t* const closed = zip.release();  // zip_close has freed it.

  std::error_code ec;
  fs::rename(unfinished, path, ec);
  if (ec) return zip_failure(path, ec.message().c_str());
  return static_cast<std::uint64_t>(fs::file_size(path, ec));
}

Result<Artifact> open_artifact(const fs::path& path, const fs::path& folder) {
  const auto opened = open_zip(path);
  if (!opened) return opened.error();
  std::error_code ignored;  // A folder that is not there is told when the first model is unpacked.
  fs::create_directories(folder, ignored);
  Artifact artifact;
  if (auto added = add_members(*opened, folder, artifact); !added) return added.error();
  auto schema = text_part(*opened, kSchema);
  if (!schema) return schema.error();
  auto metrics = text_part(*opened, kMetrics);
  if (!metrics) return metrics.error();
  if (auto whole = check_script(*opened); !whole) return whole.error();
  if (has_part(*opened, kFinish)) {
    const auto text = text_part(*opened, kFinish);
    if (!text) return text.error();
    auto finish = finish_from_json(*text);
    if (!finish) return finish.error();
    if (auto fits = check_factors(*opened, artifact, finish->rule); !fits) return fits.error();
    artifact.finish = std::move(*finish);
  }
  artifact.schema_json = std::move(*schema);
  artifact.metrics_json = std::move(*metrics);
  return artifact;
}

Result<std::string> report_in(const fs::path& path) {
  return one_part(path, kReport, "report");
}

Result<std::uint64_t> model_bytes_in(const fs::path& path) {
  const auto opened = open_zip(path);
  if (!opened) return opened.error();
  std::error_code ec;
  std::uint64_t bytes = fs::file_size(path, ec);
  if (ec) return zip_failure(path, "cannot be read");
  for (const char* other : {kAnswers, kReport, kScript, kContainer}) {
    zip_stat_t info;
    zip_stat_init(&info);
    if (zip_stat(opened->zip.get(), other, 0, &info) == 0) bytes -= std::min(bytes, info.comp_size);
  }
  return bytes;
}

Result<std::string> answers_in(const fs::path& path) {
  return one_part(path, kAnswers, "answers");
}

}  // namespace starling::ml
