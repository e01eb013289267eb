// /api/v1/swarm/...: who may come in, who shall go, and the key that members speak by.
#include "ml/study/state_backup.h"
#include "ml/study/study_state.h"
#include "ml/study/swarm_members.h"
#include "node/secure/join_token.h"
#include "web/api/routes.h"

#include <fmt/format.h>

#include <array>

namespace starling::web {

namespace {

constexpr std::uint64_t kInviteLifeS = 24 * 3600;

/// The secret of an invitation is the same when it is asked for again with its Idempotency-Key: it
/// follows from that key, and from the swarm's, which nobody outside knows.
node::SwarmKey invite_secret(const Call& call) {
  const auto idempotency = call.request.header("Idempotency-Key");
  const auto used = node::key_in_use(ml::swarm_key_ring(*call.node().state()));
  if (!idempotency || !used) return secure_random<32>();
  return node::derive_key(used->key, fmt::format("invite {}", *idempotency));
}

asio::awaitable<Response> add_invite(Call& call) {
  static constexpr std::array<std::string_view, 2> kFields{"uses", "expires_s"};
  std::string content;
  const auto body = co_await object_body(call, content);
  if (!body) co_return body.error();
  const auto fields = JsonFields::open(body->value, kFields);
  if (!fields) co_return problem_from(fields.error());
  const auto uses = fields->whole("uses", 1, ml::kInviteUsesMax);
  if (!uses) co_return problem_from(uses.error());
  const auto life_s = fields->whole("expires_s", 1, ml::kInviteLifeMaxMs / 1000);
  if (!life_s) co_return problem_from(life_s.error());

  node::JoinToken token{.swarm = call.node().swarm().swarm, .secret = invite_secret(call)};
  ml::AddInvite invite{.key = node::credential_of(token).key,
                       .life_ms = life_s->value_or(kInviteLifeS) * 1000,
                       .uses = static_cast<std::uint32_t>(uses->value_or(1))};
  const Json json{
      {"token", node::to_text(token)}, {"uses", invite.uses}, {"expires_s", invite.life_ms / 1000}};
  ml::CommandBody command = invite;
  const auto done = co_await commit(call, std::move(command), hash_of(to_bytes(content)));
  if (!done) co_return done.error();
  if (!ml::invite_key(*call.node().state(), node::key_id_of(invite.key))) {
    co_return problem(409,
                      "conflict",
                      "this request was answered before, and its token cannot be told again: ask "
                      "anew with another Idempotency-Key");
  }
  co_return with_index(json_response(201, json), done->index);
}

asio::awaitable<Response> rotate_key(Call& call) {
  const auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  ml::CommandBody command = ml::AddSwarmKey{secure_random<32>()};
  const auto done = co_await record(call, std::move(command), hash_of(to_bytes(*content)));
  if (!done) co_return done.error();
  if (done->outcome.error) co_return problem_from(*done->outcome.error);
  const Json json{{"generation", done->outcome.number}};
  co_return with_index(json_response(202, json), done->index);
}

/// By name or id; one that this node does not know may have come a moment ago.
asio::awaitable<OrResponse<ml::SwarmMember>> member_of(Call& call) {
  auto member = ml::find_member(*call.node().state(), call.param("member"));
  if (!member) {
    if (auto unknown = co_await see_all_committed(call)) co_return std::move(*unknown);
    member = ml::find_member(*call.node().state(), call.param("member"));
  }
  if (!member) co_return problem_from(member.error());
  co_return *member;
}

asio::awaitable<Response> mark(Call& call, std::string_view field) {
  const std::array<std::string_view, 1> known{field};
  std::string content;
  const auto body = co_await object_body(call, content);
  if (!body) co_return body.error();
  const auto fields = JsonFields::open(body->value, known);
  if (!fields) co_return problem_from(fields.error());
  const Json* value = fields->find(field);
  if (value != nullptr && !value->is_boolean())
    co_return problem_from(field_error(field, "must be true or false, not " + shown(*value)));
  const bool wanted = value == nullptr || value->get<bool>();
  const auto member = co_await member_of(call);
  if (!member) co_return member.error();

  ml::MarkMember marked{.node = member->node, .draining = {}, .wants_vote = {}};
  (field == "draining" ? marked.draining : marked.wants_vote) = wanted;
  ml::CommandBody command = marked;
  const auto done = co_await commit(call, std::move(command), hash_of(to_bytes(content)));
  if (!done) co_return done.error();
  Json json{{"id", member->node.hex()}, {"name", member->name}};
  json[std::string{field}] = wanted;
  co_return with_index(json_response(200, json), done->index);
}

asio::awaitable<Response> drain_member(Call& call) {
  return mark(call, "draining");
}

asio::awaitable<Response> promote_member(Call& call) {
  return mark(call, "wants_vote");
}

asio::awaitable<Response> remove_member(Call& call) {
  const auto content = co_await buffered_body(call, kBufferedBodyMax);
  if (!content) co_return content.error();
  const ContentHash hash = hash_of(to_bytes(*content));
  const auto before = answered_before(call, hash);
  const auto member = co_await member_of(call);
  if (!member && !before) co_return member.error();
  ml::CommandBody command = ml::RemoveMember{member ? member->node : NodeId{}};
  const auto done = co_await commit(call, std::move(command), hash);
  if (!done) co_return done.error();
  const Json json{{"id", done->id}};
  co_return with_index(json_response(200, json), done->index);
}

asio::awaitable<void> stream_backup(std::shared_ptr<ml::BackupWriter> backup,
                                    StreamWriter& writer) {
  for (;;) {
    std::string piece = backup->next();
    if (piece.empty()) co_return;
    const auto sent = co_await writer.write(std::move(piece));
    if (!sent) co_return;
  }
}

/// The state of this node, frozen now; whoever reads it checks the hash at its end.
asio::awaitable<Response> get_backup(Call& call) {
  const LogIndex index = call.node().applied();
  const auto state = call.node().state();
  const ml::BackupHead head{
      .swarm = call.node().swarm().swarm, .index = index, .time_ms = ml::cluster_time_ms(*state)};
  auto backup = std::make_shared<ml::BackupWriter>(state, head);
  Response response;
  response.set("Content-Type", "application/octet-stream");
  response.set("Content-Disposition", "attachment; filename=\"swarm.starling.backup\"");
  response.body =
      StreamBody{[backup](StreamWriter& writer) { return stream_backup(backup, writer); }};
  co_return response;
}

}  // namespace

std::vector<RouteEntry> member_routes() {
  return {{"GET", "/api/v1/swarm/backup", &get_backup},
          {"POST", "/api/v1/swarm/invites", &add_invite},
          {"POST", "/api/v1/swarm/rotate-secret", &rotate_key},
          {"POST", "/api/v1/swarm/members/{member}/drain", &drain_member},
          {"POST", "/api/v1/swarm/members/{member}/promote", &promote_member},
          {"DELETE", "/api/v1/swarm/members/{member}", &remove_member}};
}

}  // namespace starling::web
