#include "tests/support/sim_clients.h"

#include "tests/support/sim_random.h"
#include "tests/support/virtual_swarm.h"

#include <algorithm>

namespace starling::tests {

using namespace std::chrono_literals;

namespace {

/// The first number of an answer: a version or a token.
std::uint64_t number_in(std::string_view text) {
  const std::size_t begin = text.find_first_of("0123456789");
  if (begin == std::string_view::npos) return 0;
  return std::stoull(std::string{text.substr(begin)});
}

}  // namespace

SimClients::SimClients(VirtualSwarm& swarm, std::uint64_t seed, const FaultPlan& plan)
    : swarm_(swarm), random_(stream(seed, "workload")) {
  clients_.resize(2 + random_.below(7));
  for (std::size_t i = 0; i < clients_.size(); ++i)
    clients_[i].id = i;
  loss_ = 0.3 * plan.strength(Fault::client_loss);
  think_mean_ = draw_between(random_, 5ms, 250ms);
  patience_ = draw_between(random_, 150ms, 1500ms);
  registers_ = 1 + random_.below(5);
  for (const auto& member : swarm.members())
    reach_.insert(member->machine);
  swarm.service().on_reply(
      [this](const SimRequest& request, const SimReply& reply) { send_reply(request, reply); });
}

void SimClients::start() {
  for (Client& client : clients_)
    swarm_.at(swarm_.now() + draw_wait(random_, think_mean_), [this, &client] { begin(client); });
}

void SimClients::resume() {
  are_finishing_ = false;
  start();
}

bool SimClients::are_idle() const {
  return under_way() == 0;
}

std::size_t SimClients::under_way() const {
  return static_cast<std::size_t>(
      std::count_if(clients_.begin(), clients_.end(), [](const Client& each) {
        return each.operation.has_value();
      }));
}

std::uint64_t SimClients::commands_begun_and_completed(MonoTime since) const {
  return static_cast<std::uint64_t>(std::count_if(
      commands_.begin(), commands_.end(), [&](MonoTime begun) { return begun >= since; }));
}

void SimClients::begin(Client& client) {
  if (are_finishing_) return;
  auto sent = std::make_shared<SentCommand>();
  sent->command = choose(client);
  const Ask ask = sent->command.ask;
  if (ask != Ask::read && ask != Ask::stale_read) {
    sent->bytes =
        swarm_.machine().encode(sent->command, swarm_.now(), swarm_.history().completed());
    swarm_.history().will_send(sent->command, sent->bytes);
  }
  Operation operation;
  operation.sent = std::move(sent);
  operation.floor = swarm_.history().completed();
  operation.begun = swarm_.now();
  operation.give_up = swarm_.now() + draw_between(random_, 500ms, 10s);
  client.operation = std::move(operation);
  try_once(client);
}

ClientCommand SimClients::choose(Client& client) {
  ClientCommand command;
  command.client = client.id;
  command.number = ++client.number;
  command.key = fmt::format("r{}", random_.below(registers_));
  command.value = fmt::format("v{}.{}", client.id, client.number);
  const std::uint64_t dice = random_.below(100);
  if (are_reading_) {
    command.ask = Ask::read;
    command.value.clear();
  } else if (dice < 30) {
    command.ask = Ask::put;
  } else if (dice < 45) {
    command.ask = Ask::compare_and_set;
    command.expected = client.seen[command.key];
  } else if (dice < 65 && swarm_.machine().has_jobs()) {
    return choose_job(client);
  } else {
    command.ask = dice < 90 ? Ask::read : Ask::stale_read;
    command.value.clear();
  }
  return command;
}

ClientCommand SimClients::choose_job(Client& client) {
  ClientCommand command;
  command.client = client.id;
  command.number = client.number;
  const bool completes = !client.tokens.empty() && random_.chance(0.6);
  command.ask = completes ? Ask::complete : Ask::claim;
  if (completes) {
    auto token = client.tokens.begin();
    std::advance(token, static_cast<std::ptrdiff_t>(random_.below(client.tokens.size())));
    command.key = token->first;
    command.expected = token->second;
    command.value = fmt::format("result{}", client.id);
  } else {
    command.key = fmt::format("j{}", jobs_ + random_.below(3));
  }
  return command;
}

std::size_t SimClients::choose_machine(Client& client) {
  const bool by_hint = client.leader && random_.chance(0.7);
  const SimMember* hinted = by_hint ? swarm_.find(*client.leader) : nullptr;
  if (hinted != nullptr && reach_.contains(hinted->machine)) return hinted->machine;
  auto chosen = reach_.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(random_.below(reach_.size())));
  return *chosen;
}

void SimClients::try_once(Client& client) {
  Operation& operation = *client.operation;
  ++operation.attempt;
  SimRequest request;
  request.sent = operation.sent;
  request.attempt = operation.attempt;
  request.entry = choose_machine(client);
  const bool is_lost = is_faulty_ && random_.chance(loss_);
  const bool is_doubled = is_faulty_ && random_.chance(loss_ / 3);
  operation.may_be_taken |= is_doubled;  // a refusal may be that of the other copy
  if (!is_lost) ask(request, swarm_.now() + 50us + draw_wait(random_, 500us));
  if (is_doubled) ask(request, swarm_.now() + draw_wait(random_, 300ms));
  swarm_.at(swarm_.now() + patience_,
            [this, id = client.id, number = client.number, attempt = operation.attempt] {
              time_out(id, number, attempt);
            });
}

void SimClients::ask(const SimRequest& request, MonoTime when) {
  swarm_.at(when, [this, request] {
    SimMember& member = swarm_.member(request.entry);
    if (!member.runs || !reach_.contains(member.machine)) return;
    SimRequest taken = request;
    taken.entry_boot = member.boot;
    swarm_.at_member(swarm_.now(), member, [this, taken](SimMember& who) {
      if (who.core)
        swarm_.service().take(who, taken);
      else  // it belongs to no swarm, and says so
        send_reply(taken, {SimReply::Kind::not_taken, {}, {}});
    });
  });
}

void SimClients::time_out(std::uint64_t id, std::uint64_t number, std::uint64_t attempt) {
  Client& client = clients_[id];
  const bool is_current =
      client.operation && client.number == number && client.operation->attempt == attempt;
  if (!is_current) return;
  client.operation->may_be_taken = true;
  client.leader.reset();
  retry_later(client);
}

/// What the client gets over its own, lossy connection.
void SimClients::send_reply(const SimRequest& request, const SimReply& reply) {
  if (is_faulty_ && random_.chance(loss_)) return;
  swarm_.at(swarm_.now() + 50us + draw_wait(random_, 500us), [this, request, reply] {
    if (reach_.contains(request.entry)) take_reply(request, reply);
  });
}

void SimClients::take_reply(const SimRequest& request, const SimReply& reply) {
  Client& client = clients_[request.sent->command.client];
  const bool is_current = client.operation && client.operation->sent == request.sent;
  if (!is_current) return;
  if (reply.kind == SimReply::Kind::done) {
    complete(client, reply);
    return;
  }
  if (client.operation->attempt != request.attempt) return;  // it has timed out since
  client.leader = reply.leader;
  client.operation->may_be_taken |= reply.kind == SimReply::Kind::unknown;
  retry_later(client);
}

void SimClients::complete(Client& client, const SimReply& reply) {
  const Operation& operation = *client.operation;
  const ClientCommand& command = operation.sent->command;
  SimHistory& history = swarm_.history();
  if (command.ask == Ask::stale_read) {
    history.check_stale_read(command.key, reply.answer.text, reply.answer.index);
  } else if (command.ask == Ask::read) {
    history.check_read(command.key, reply.answer.text, reply.answer.index, operation.floor);
  } else {
    history.check_write(command, reply.answer, operation.floor);
    commands_.push_back(operation.begun);
  }
  learn(client, command, reply.answer);
  ++completed_;
  swarm_.trace().note(swarm_.now(),
                      "client {} completes {}: '{}' at {}",
                      client.id,
                      command.number,
                      reply.answer.text,
                      reply.answer.index.value);
  end(client);
}

void SimClients::learn(Client& client, const ClientCommand& command, const Answer& answer) {
  const std::string_view text = answer.text;
  const std::uint64_t number = number_in(text);
  if (command.ask == Ask::claim) {
    if (text == "done") ++jobs_;
    if (text != "done") client.tokens[command.key] = number;
  } else if (command.ask == Ask::complete) {
    client.tokens.erase(command.key);
    swarm_.marks().hit(Mark::completion_stale, text == "stale");
  } else {
    client.seen[command.key] = number;
    swarm_.marks().hit(Mark::compare_failed, text.starts_with("conflict"));
  }
}

void SimClients::retry_later(Client& client) {
  ++client.operation->attempt;  // what comes late of the last one is no news
  if (swarm_.now() >= client.operation->give_up) {
    const bool is_command = !client.operation->sent->bytes.empty();
    const bool is_unknown = client.operation->may_be_taken;
    swarm_.marks().hit(is_unknown ? Mark::outcome_unknown : Mark::outcome_refused, is_command);
    if (is_command && !is_unknown) refused_.push_back(client.operation->sent->command);
    end(client);
    return;
  }
  const auto wait = 5ms + draw_wait(random_, 60ms);
  swarm_.at(swarm_.now() + wait,
            [this, id = client.id, number = client.number, attempt = client.operation->attempt] {
              Client& later = clients_[id];
              const bool is_current =
                  later.operation && later.number == number && later.operation->attempt == attempt;
              if (is_current) try_once(later);
            });
}

void SimClients::end(Client& client) {
  client.operation.reset();
  swarm_.at(swarm_.now() + draw_wait(random_, think_mean_), [this, &client] { begin(client); });
}

void SimClients::check_refused() const {
  for (const ClientCommand& command : refused_)
    swarm_.history().check_no_effect(command);
}

}  // namespace starling::tests
