// /api/v1/blobs and /api/v1/swarm/adopt: what one swarm holds becomes a part of another's.
#include "ml/study/adoption.h"
#include "web/api/blob_upload.h"
#include "web/api/routes.h"

#include <fmt/format.h>

namespace starling::web {

namespace {

OrResponse<ContentHash> hash_param(const Call& call) {
  const auto hash = ContentHash::from_hex(call.param("hash"));
  if (hash) return *hash;
  return problem(422,
                 "invalid_argument",
                 "must be 64 lower-case hex digits: the BLAKE2b-256 of the content",
                 "hash");
}

asio::awaitable<Response> get_blob(Call& call) {
  const auto hash = hash_param(call);
  if (!hash) co_return hash.error();
  const auto fetched = co_await call.node().fetch(*hash);
  if (!fetched) co_return problem_from(fetched.error());
  Response response;
  response.set("Content-Type", "application/octet-stream");
  response.body = FileBody{call.node().blobs().path(*hash)};
  co_return response;
}

Response stored(const ContentHash& hash, unsigned status) {
  const Json json{{"hash", hash.hex()}};
  return json_response(status, json);
}

/// Answers once enough members have it; the name is the content, so it may be sent again.
asio::awaitable<Response> put_blob(Call& call) {
  const auto hash = hash_param(call);
  if (!hash) co_return hash.error();
  if (auto wrong = upload_problem(call, "the content")) co_return std::move(*wrong);
  auto writer = co_await receive_blob(call);
  if (!writer) co_return writer.error();
  const auto finished = (*writer)->finish_as(*hash);
  if (!finished && finished.error().code == Errc::corrupt) {
    co_return problem(422, "invalid_argument", "is not the hash of this content", "hash");
  }
  if (!finished) co_return problem_from(finished.error());
  const auto replicated = co_await call.node().replicate(*hash);
  if (!replicated) co_return problem_from(replicated.error());
  co_return stored(*hash, 201);
}

/// The blobs that a piece names must lie here before the log speaks of them.
asio::awaitable<std::optional<Response>> missing_blob(Call& call, const ml::AdoptedPiece& piece) {
  for (const ContentHash& blob : ml::blobs_of(piece)) {
    const auto held = co_await call.node().fetch(blob);
    if (!held) {
      co_return problem(404,
                        "not_found",
                        fmt::format("blob {0} is not in this swarm ({1}): PUT /api/v1/blobs/{0} "
                                    "first",
                                    blob.hex(),
                                    held.error().detail));
    }
    const auto replicated = co_await call.node().replicate(blob);
    if (!replicated) co_return problem_from(replicated.error());
  }
  co_return std::nullopt;
}

/// Of another swarm, and how many trials the study in the piece has.
OrResponse<ml::Adopt> adopt_command(const Call& call) {
  const auto from = SwarmId::from_hex(call.request.target.find("from").value_or(""));
  if (!from || *from == call.node().swarm().swarm)
    return problem(422, "invalid_argument", "must be the id of another swarm", "from");
  const auto trials = parse_whole(call.request.target.find("trials").value_or("0"));
  if (!trials || *trials > ml::kTrialsMax) {
    return problem(422,
                   "invalid_argument",
                   fmt::format("must be a number from 0 to {}", ml::kTrialsMax),
                   "trials");
  }
  return ml::Adopt{.from = *from, .pairs = {}, .trials = static_cast<std::uint32_t>(*trials)};
}

asio::awaitable<Response> adopt(Call& call) {
  auto command = adopt_command(call);
  if (!command) co_return command.error();
  auto pairs = co_await buffered_body(call, ml::kAdoptedBytesMax);
  if (!pairs) co_return pairs.error();
  const auto piece = ml::parse_piece(*pairs);
  if (!piece) co_return problem_from(piece.error());
  const auto fits = ml::check_adoptable(*call.node().state(), *piece);
  if (!fits) co_return problem_from(fits.error());
  if (auto missing = co_await missing_blob(call, *piece)) co_return std::move(*missing);

  const ContentHash content = hash_of(to_bytes(*pairs));
  command->pairs = std::move(*pairs);
  ml::CommandBody body = std::move(*command);
  const auto done = co_await record(call, std::move(body), content);
  if (!done) co_return done.error();
  if (done->outcome.error) co_return problem_from(*done->outcome.error);
  const Json json{{"study", done->outcome.id}, {"added", done->outcome.number}};
  co_return with_index(json_response(200, json), done->index);
}

}  // namespace

std::vector<RouteEntry> adoption_routes() {
  return {{"GET", "/api/v1/blobs/{hash}", &get_blob},
          {"PUT", "/api/v1/blobs/{hash}", &put_blob},
          {"POST", "/api/v1/swarm/adopt", &adopt}};
}

}  // namespace starling::web
