#include "ml/serve/artifact.h"

#include "ml/serve/predict_script.h"
#include "ml/table/encoder_json.h"
#include "node/base/hash.h"

#include <fmt/format.h>

#include <array>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <zip.h>

namespace starling::ml {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kManifest = "manifest.json";
constexpr const char* kScript = "predict.py";  // for people without Starling
constexpr const char* kReport = "report.json";
constexpr const char* kNetwork = "model.pt";
constexpr const char* kTrees = "model.json";
using PartNames = std::array<std::pair<const char*, std::string ArtifactParts::*>, 4>;

/// `model` is the name of the model's part.
PartNames parts_with(const char* model) {
  return {{{model, &ArtifactParts::model},
           {"preprocessing.json", &ArtifactParts::preprocessing},
           {"schema.json", &ArtifactParts::schema},
           {"metrics.json", &ArtifactParts::metrics}}};
}

PartNames parts_of(const ArtifactParts& parts) {
  return parts_with(is_tree_model(parts.model) ? kTrees : kNetwork);
}

std::string checksum(std::string_view part) {
  return hash_of(std::as_bytes(std::span{part})).hex();
}

std::string manifest_of(const ArtifactParts& parts) {
  Json manifest{{"format", kArtifactFormat}, {"hash", "BLAKE2b-256"}, {"parts", Json::object()}};
  for (const auto& [name, part] : parts_of(parts)) {
    manifest["parts"][name] = {{"bytes", (parts.*part).size()}, {"hash", checksum(parts.*part)}};
  }
  if (!parts.report.empty())
    manifest["parts"][kReport] = {{"bytes", parts.report.size()}, {"hash", checksum(parts.report)}};
  const std::string_view script = predict_script();
  manifest["parts"][kScript] = {{"bytes", script.size()}, {"hash", checksum(script)}};
  return manifest.dump(2);
}

Error zip_failure(const std::filesystem::path& path, const char* what) {
  return {Errc::io, fmt::format("{}: {}", path.string(), what)};
}

/// `content` must live until the archive is closed. False on failure.
bool add_part(zip_t* zip, const char* name, std::string_view content) {
  zip_source_t* source = zip_source_buffer(zip, content.data(), content.size(), 0);
  if (source == nullptr) return false;
  const zip_int64_t index = zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8);
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

Error corrupt(const std::filesystem::path& path, const std::string& what) {
  return {Errc::corrupt, fmt::format("{} is damaged: {}", path.filename().string(), what)};
}

Result<std::string> read_part(zip_t* zip, const std::filesystem::path& path, const char* name) {
  zip_stat_t info;
  zip_stat_init(&info);
  if (zip_stat(zip, name, 0, &info) != 0) return corrupt(path, fmt::format("{} is missing", name));
  if (info.size > kArtifactPartBytesMax) {
    return Error{Errc::too_large,
                 fmt::format("{} of {} has {} bytes; at most {}",
                             name,
                             path.filename().string(),
                             info.size,
                             kArtifactPartBytesMax)};
  }
  zip_file_t* file = zip_fopen(zip, name, 0);
  if (file == nullptr) return corrupt(path, fmt::format("{} cannot be opened", name));
  std::string content(info.size, '\0');
  const zip_int64_t size = zip_fread(file, content.data(), content.size());
  const bool is_whole = zip_fclose(file) == 0 && size == static_cast<zip_int64_t>(content.size());
  if (!is_whole) return corrupt(path, fmt::format("{} cannot be read", name));
  return content;
}

Result<> check_part(const Json& manifest,
                    const std::filesystem::path& path,
                    const char* name,
                    const std::string& content) {
  const auto parts = manifest.find("parts");
  const bool is_listed = parts != manifest.end() && parts->is_object() && parts->contains(name) &&
                         (*parts)[name].is_object() && (*parts)[name].contains("hash");
  if (!is_listed) return corrupt(path, fmt::format("{} is not in the manifest", name));
  if ((*parts)[name]["hash"] != checksum(content)) {
    return corrupt(path, fmt::format("{} fails its checksum", name));
  }
  return {};
}

struct Opened {
  Zip zip;
  Json manifest;
};

Result<Opened> open_zip(const std::filesystem::path& path) {
  int code = 0;
  Zip zip{zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code)};
  if (!zip && code == ZIP_ER_NOENT) return zip_failure(path, "there is no such file");
  if (!zip) return corrupt(path, "it is not a whole zip file");

  const auto manifest_text = read_part(zip.get(), path, kManifest);
  if (!manifest_text) return manifest_text.error();
  Json manifest = Json::parse(*manifest_text, nullptr, false);
  if (!manifest.is_object() || !manifest.contains("format")) {
    return corrupt(path, "the manifest cannot be read");
  }
  if (manifest["format"] != kArtifactFormat) {
    return Error{Errc::unsupported,
                 fmt::format("{} has format {}; this version reads format {}",
                             path.filename().string(),
                             manifest["format"].dump(),
                             kArtifactFormat)};
  }
  return Opened{std::move(zip), std::move(manifest)};
}

}  // namespace

Result<std::uint64_t> write_artifact(const std::filesystem::path& path,
                                     const ArtifactParts& parts) {
  int code = 0;
  const std::string manifest = manifest_of(parts);
  const std::filesystem::path unfinished = path.string() + ".part";
  Zip zip{zip_open(unfinished.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code)};
  if (!zip) return zip_failure(unfinished, "cannot be written");
  for (const auto& [name, part] : parts_of(parts)) {
    if (!add_part(zip.get(), name, parts.*part)) return zip_failure(path, zip_strerror(zip.get()));
  }
  if (!parts.report.empty() && !add_part(zip.get(), kReport, parts.report))
    return zip_failure(path, zip_strerror(zip.get()));
  if (!add_part(zip.get(), kScript, predict_script()))
    return zip_failure(path, zip_strerror(zip.get()));
  if (!add_part(zip.get(), kManifest, manifest)) return zip_failure(path, zip_strerror(zip.get()));
  if (zip_close(zip.get()) != 0) return zip_failure(path, zip_strerror(zip.get()));
  [[maybe_unused]] zip_t* const closed = zip.release();  // zip_close has freed it.

  std::error_code ec;
  std::filesystem::rename(unfinished, path, ec);
  if (ec) return zip_failure(path, ec.message().c_str());
  return static_cast<std::uint64_t>(std::filesystem::file_size(path, ec));
}

Result<Artifact> open_artifact(const std::filesystem::path& path) {
  auto opened = open_zip(path);
  if (!opened) return opened.error();
  const auto& [zip, manifest] = *opened;
  ArtifactParts parts;
  const bool has_trees = zip_name_locate(zip.get(), kTrees, 0) >= 0;
  for (const auto& [name, part] : parts_with(has_trees ? kTrees : kNetwork)) {
    auto content = read_part(zip.get(), path, name);
    if (!content) return content.error();
    const auto checked = check_part(manifest, path, name, *content);
    if (!checked) return checked.error();
    parts.*part = std::move(*content);
  }
  // Only people run it, but what is damaged is told before they do. Earlier versions had none.
  if (manifest.contains("parts") && manifest["parts"].contains(kScript)) {
    const auto script = read_part(zip.get(), path, kScript);
    if (!script) return script.error();
    if (auto checked = check_part(manifest, path, kScript, *script); !checked)
      return checked.error();
  }
  auto encoder = encoder_from_json(parts.preprocessing);
  if (!encoder) return encoder.error();
  return Artifact{std::move(*encoder),
                  std::move(parts.schema),
                  std::move(parts.metrics),
                  std::move(parts.model)};
}

Result<std::string> report_in(const std::filesystem::path& path) {
  const auto opened = open_zip(path);
  if (!opened) return opened.error();
  const auto& [zip, manifest] = *opened;
  if (zip_name_locate(zip.get(), kReport, 0) < 0)
    return Error{Errc::not_found, "this model has no report"};
  auto report = read_part(zip.get(), path, kReport);
  if (!report) return report;
  if (auto checked = check_part(manifest, path, kReport, *report); !checked) return checked.error();
  return report;
}

}  // namespace starling::ml
