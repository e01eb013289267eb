// /api/v1/datasets.
#include "ml/study/study_plan.h"
#include "ml/study/study_state.h"
#include "ml/table/profile_json.h"
#include "ml/table/table_file.h"
#include "web/api/blob_upload.h"
#include "web/api/routes.h"
#include "web/api/table_options.h"

#include <fmt/format.h>

#include <algorithm>

namespace starling::web {

namespace {

Result<ml::Dataset> dataset_of(const Call& call) {
  return ml::find_dataset(*call.node().state(), call.param("id"));
}

asio::awaitable<Response> list_datasets(Call& call) {
  const auto view = call.node().state();
  Json json{{"datasets", Json::array()}};
  for (const auto& dataset : ml::list_datasets(*view)) {
    json["datasets"].push_back(dataset_json(dataset, Detail::brief));
  }
  co_return json_response(200, json);
}

asio::awaitable<Response> get_dataset(Call& call) {
  const auto dataset = dataset_of(call);
  if (!dataset) co_return problem_from(dataset.error());
  co_return json_response(200, dataset_json(*dataset, Detail::full));
}

asio::awaitable<Response> get_content(Call& call) {
  const auto dataset = dataset_of(call);
  if (!dataset) co_return problem_from(dataset.error());
  const auto fetched = co_await call.node().fetch(dataset->blob);
  if (!fetched) co_return problem_from(fetched.error());
  const auto path = call.node().blobs().path(dataset->blob);
  const bool is_packed = ml::is_packed_file(path);
  Response response;
  response.set("Content-Type", is_packed ? "application/gzip" : "text/csv");
  response.set("Content-Disposition",
               fmt::format("attachment; filename*=UTF-8''{}.csv{}",
                           percent_encode(dataset->name),
                           is_packed ? ".gz" : ""));
  response.body = FileBody{path};
  co_return response;
}

asio::awaitable<Response> remove_dataset(Call& call) {
  const auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  ml::CommandBody command = ml::RemoveDataset{call.param("id")};
  const auto done = co_await commit(call, std::move(command), hash_of(to_bytes(*content)));
  if (!done) co_return done.error();
  const Json json{{"id", done->id}};
  co_return with_index(json_response(200, json), done->index);
}

bool is_name(const std::string& name) {
  const bool is_utf8 = dump(Json(name)).find("\uFFFD") == std::string::npos;
  return is_utf8 && ml::is_dataset_name(name);
}

// What is wrong with an upload before its first byte is read.
std::optional<Response> table_problem(const Call& call) {
  const auto name = call.request.target.find("name");
  if (!name) {
    return problem(400, "invalid_argument", "is needed: POST /api/v1/datasets?name=NAME", "name");
  }
  if (!is_name(*name)) {
    return problem(422,
                   "invalid_argument",
                   fmt::format("must be 1 to {} bytes of text without control characters, not {}",
                               ml::kDatasetNameMax,
                               shown(Json(*name))),
                   "name");
  }
  if (const auto options = table_options_from(call.request.target); !options)
    return problem_from(options.error());
  if (media_type(call.request).starts_with("multipart/")) {
    return problem(415,
                   "unsupported",
                   "send the CSV itself as the body (curl --data-binary @FILE), not a form");
  }
  if (auto wrong = upload_problem(call, "the CSV")) return wrong;
  const auto key = idempotency_key(call);
  if (!key) return key.error();
  return std::nullopt;
}

asio::awaitable<OrResponse<ml::Dataset>> receive(Call& call) {
  const auto writer = co_await receive_blob(call);
  if (!writer) co_return writer.error();
  ml::Dataset dataset;
  dataset.bytes = (*writer)->size();
  const auto hash = (*writer)->finish();
  if (!hash) co_return problem_from(hash.error());
  dataset.blob = *hash;
  co_return dataset;
}

// A file that cannot become a dataset is not kept, unless another dataset is the same file.
void drop_blob(const Call& call, const ContentHash& blob) {
  if (ml::referenced_blobs(*call.node().state()).contains(blob)) return;
  // A leftover costs disk only; the client's answer does not depend on it.
  static_cast<void>(call.node().blobs().remove(blob));
}

Response unreadable(const Error& error) {
  const bool is_clients_fault = error.code == Errc::invalid_argument ||
                                error.code == Errc::corrupt || error.code == Errc::too_large;
  return problem_from(is_clients_fault ? Error{Errc::invalid_argument, error.detail} : error);
}

// What an idempotency key belongs to: the file and all that was said about it.
ContentHash hash_of_upload(const Call& call, const ContentHash& blob) {
  std::string text = blob.hex();
  for (const auto& [name, value] : call.request.target.query)
    text += fmt::format("\n{}={}", percent_encode(name), percent_encode(value));
  return hash_of(to_bytes(text));
}

/// The same file under the same name is the same data set, but not if its owner now says something
/// else of its columns: that would be lost.
std::optional<Response> other_words(const Call& call,
                                    const ml::Dataset& dataset,
                                    std::string_view name,
                                    const ml::TableProfile& profile) {
  for (const ml::Dataset& known : ml::list_datasets(*call.node().state())) {
    if (known.name != name || known.blob != dataset.blob) continue;
    const auto other = ml::profile_from_stored(known.profile);
    const auto same = [](const ml::ColumnProfile& a, const ml::ColumnProfile& b) {
      return a.name == b.name && a.role == b.role && a.type == b.type;
    };
    if (!other || std::ranges::equal(other->columns, profile.columns, same)) continue;
    return problem(409,
                   "conflict",
                   fmt::format("data set {} is this file with other types or roles of its columns; "
                               "choose another name or remove it",
                               known.id),
                   "columns");
  }
  return std::nullopt;
}

asio::awaitable<Response> add_dataset(Call& call) {
  if (auto wrong = table_problem(call)) co_return std::move(*wrong);
  auto dataset = co_await receive(call);
  if (!dataset) co_return dataset.error();
  auto options = table_options_from(call.request.target).value();
  const auto profile = co_await call.node().profile(dataset->blob, std::move(options));
  if (!profile) {
    drop_blob(call, dataset->blob);
    co_return unreadable(profile.error());
  }
  if (auto wrong = other_words(call, *dataset, *call.request.target.find("name"), *profile))
    co_return std::move(*wrong);
  auto stored_profile = ml::stored_profile(*profile);
  if (!stored_profile) {
    drop_blob(call, dataset->blob);
    co_return unreadable(stored_profile.error());
  }
  const auto replicated = co_await call.node().replicate(dataset->blob);
  if (!replicated) co_return problem_from(replicated.error());

  dataset->id = drawn_id("d");
  dataset->name = *call.request.target.find("name");
  dataset->rows = profile->rows;
  dataset->profile = std::move(*stored_profile);
  const ContentHash content = hash_of_upload(call, dataset->blob);
  ml::CommandBody command = ml::AddDataset{std::move(*dataset)};
  const auto done = co_await commit(call, std::move(command), content);
  if (!done) co_return done.error();

  const auto stored = ml::find_dataset(*call.node().state(), done->id);
  if (!stored) co_return problem_from(stored.error());
  Response response = json_response(201, dataset_json(*stored, Detail::full));
  response.set("Location", "/api/v1/datasets/" + done->id);
  co_return with_index(std::move(response), done->index);
}

}  // namespace

std::vector<RouteEntry> dataset_routes() {
  return {{"GET", "/api/v1/datasets", &list_datasets},
          {"POST", "/api/v1/datasets", &add_dataset},
          {"GET", "/api/v1/datasets/{id}", &get_dataset},
          {"DELETE", "/api/v1/datasets/{id}", &remove_dataset},
          {"GET", "/api/v1/datasets/{id}/profile", &get_dataset},
          {"GET", "/api/v1/datasets/{id}/content", &get_content}};
}

}  // namespace starling::web
