// starling member ...: the nodes of the swarm.
#include "bootstrap/client/commands.h"
#include "bootstrap/client/interrupt.h"
#include "bootstrap/client/report_text.h"
#include "bootstrap/client/swarm_client.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>

namespace starling::bootstrap {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 250ms;

struct MemberOptions : ClientOptions {
  std::string member;
  bool undo = false;
  int timeout_s = 60;
};

struct InviteOptions : ClientOptions {
  std::uint32_t uses = 1;
  std::uint64_t expires_s = 24 * 3600;
};

Ending list_members(const ClientOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto members = swarm->get("/api/v1/swarm");
  if (!members) return members.error();
  if (options.json)
    print_json(*members);
  else
    Screen(stdout).say(members_text(*members, style_of(stdout)));
  return kDone;
}

/// By name, or by at least four digits of the id.
Result<Json> find_member(SwarmClient& swarm, const std::string& wanted) {
  const auto all = swarm.get("/api/v1/swarm");
  if (!all) return all.error();
  for (const Json& member : field(*all, "members")) {
    const bool is_id = wanted.size() >= 4 && text_field(member, "id").starts_with(wanted);
    if (is_id || text_field(member, "name") == wanted)
      return Result<Json>(boost::system::in_place_value, member);
  }
  return Error{Errc::not_found,
               fmt::format("no member \"{}\"; `starling member list` shows them", wanted)};
}

Result<Json> mark(SwarmClient& swarm,
                  const std::string& member,
                  const std::string& route,
                  const std::string& field_name,
                  bool wanted) {
  return swarm.post(fmt::format("/api/v1/swarm/members/{}/{}", url_encoded(member), route),
                    Json{{field_name, wanted}});
}

/// Returns once the member has no vote. It may be the very node that was asked until now.
Result<> wait_until_without_vote(SwarmClient& swarm, const MemberOptions& options) {
  Screen screen(people_file(options));
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(options.timeout_s);
  while (true) {
    const auto member = find_member(swarm, options.member);
    if (!member) return member.error();
    if (text_field(*member, "role") != "voter") return {};
    if (std::chrono::steady_clock::now() > until) {
      return Error{Errc::unavailable,
                   fmt::format("{} still votes after {} s: nobody can take its place. It stays "
                               "marked as draining; `starling member drain --undo {}` takes that "
                               "back",
                               options.member,
                               options.timeout_s,
                               options.member)};
    }
    screen.show_waiting(fmt::format("waiting for {} to hand over its vote", options.member));
    if (!pause_for(kLook)) return Error{Errc::timed_out, "interrupted; it is still draining"};
  }
}

Ending drain(const MemberOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  static_cast<void>(swarm->learn_members());
  const auto marked = mark(*swarm, options.member, "drain", "draining", !options.undo);
  if (!marked) return marked.error();
  if (!options.undo) {
    if (auto ok = wait_until_without_vote(*swarm, options); !ok) return ok.error();
  }
  if (options.json)
    print_json(*marked);
  else if (options.undo)
    Screen(stdout).say(fmt::format("{} takes part again", options.member));
  else
    Screen(stdout).say(fmt::format(
        "{} has no vote and gets no new work; stop it, or remove it with `starling member rm {}`",
        options.member,
        options.member));
  return kDone;
}

Ending promote(const MemberOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto marked = mark(*swarm, options.member, "promote", "wants_vote", !options.undo);
  if (!marked) return marked.error();
  if (options.json)
    print_json(*marked);
  else
    Screen(stdout).say(fmt::format("{} is {}preferred where voters are chosen",
                                   options.member,
                                   options.undo ? "no more " : ""));
  return kDone;
}

Ending remove(const MemberOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  static_cast<void>(swarm->learn_members());
  const auto member = find_member(*swarm, options.member);
  if (member && text_field(*member, "role") == "voter") {
    const auto marked = mark(*swarm, options.member, "drain", "draining", true);
    if (!marked) return marked.error();
    if (auto ok = wait_until_without_vote(*swarm, options); !ok) return ok.error();
  }
  const auto removed = swarm->erase("/api/v1/swarm/members/" + url_encoded(options.member));
  if (!removed) return removed.error();
  if (options.json)
    print_json(*removed);
  else
    Screen(stdout).say(fmt::format(
        "{} is no member any more; its key is refused. It still knows the swarm's secret: if the "
        "machine is not yours any more, run `starling member rotate-secret`",
        options.member));
  return kDone;
}

Ending invite(const InviteOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto made = swarm->post("/api/v1/swarm/invites",
                                Json{{"uses", options.uses}, {"expires_s", options.expires_s}});
  if (!made) return made.error();
  if (options.json)
    print_json(*made);
  else
    std::puts(text_field(*made, "token").c_str());
  return kDone;
}

Ending rotate_secret(const ClientOptions& options) {
  auto swarm = client_of(options);
  if (!swarm) return swarm.error();
  const auto made = swarm->post("/api/v1/swarm/rotate-secret", Json::object());
  if (!made) return made.error();
  if (options.json)
    print_json(*made);
  else
    Screen(stdout).say(fmt::format(
        "key {} is on its way to all members and used once all that are alive know it. New nodes "
        "need it then: it is in DATA/swarm-keys of every member",
        count_field(*made, "generation")));
  return kDone;
}

void declare_member(CLI::App& command, MemberOptions& options) {
  command.add_option("MEMBER", options.member, "Name or id of the member")->required();
}

void declare_patience(CLI::App& command, MemberOptions& options) {
  declare_member(command, options);
  command.add_option("--timeout", options.timeout_s, "Seconds to wait until it has no vote")
      ->capture_default_str()
      ->check(CLI::Range(1, 3600));
}

}  // namespace

void add_member_commands(CLI::App& app, Chosen& chosen) {
  CLI::App* members = add_group(app, "member", "The nodes of the swarm");
  add_command<ClientOptions>(*members,
                             "list",
                             "List the members: state, role, load",
                             "Example: starling member list",
                             chosen,
                             list_members,
                             [](CLI::App&, ClientOptions&) {});
  add_command<InviteOptions>(
      *members,
      "invite",
      "Print a token that lets a machine in without the swarm's secret",
      "Example: starling node --data /tmp/n4 --join 10.0.0.1:7400 \\\n"
      "           --join-token $(starling member invite)",
      chosen,
      invite,
      [](CLI::App& command, InviteOptions& options) {
        command.add_option("--uses", options.uses, "How many machines it lets in")
            ->capture_default_str();
        command.add_option("--expires", options.expires_s, "Seconds until it is worthless")
            ->capture_default_str();
      });
  add_command<MemberOptions>(*members,
                             "drain",
                             "Take vote, work and data from a member, to stop or remove it",
                             "Examples: starling member drain node-3\n"
                             "          starling member drain --undo node-3",
                             chosen,
                             drain,
                             [](CLI::App& command, MemberOptions& options) {
                               declare_patience(command, options);
                               command.add_flag("--undo", options.undo, "Let it take part again");
                             });
  add_command<MemberOptions>(*members,
                             "rm",
                             "Remove a member for good: its key is refused from then on",
                             "Example: starling member rm node-3",
                             chosen,
                             remove,
                             declare_patience);
  add_command<MemberOptions>(*members,
                             "promote",
                             "Prefer a member where voters are chosen",
                             "Example: starling member promote node-3",
                             chosen,
                             promote,
                             [](CLI::App& command, MemberOptions& options) {
                               declare_member(command, options);
                               command.add_flag("--undo", options.undo, "Treat it as any other");
                             });
  add_command<ClientOptions>(*members,
                             "rotate-secret",
                             "Give all members a new secret; the old one lets nobody in any more",
                             "Example: starling member rotate-secret",
                             chosen,
                             rotate_secret,
                             [](CLI::App&, ClientOptions&) {});
}

}  // namespace starling::bootstrap
