// The frame around every view: header, members, the banner when the node is gone, the log-in.
import { useComputed } from "@preact/signals";
import { connect, leader, link, otherMembers, self, swarm } from "./live";
import { formatMegabytes, shortId } from "./logic/format";
import { parseRoute } from "./logic/address";
import type { Member } from "./logic/types";
import { Meter } from "./parts/basics";
import { MemberLink } from "./parts/member_link";
import { route, setToken, token, tokenWanted } from "./session";
import { LogIn } from "./views/log_in";
import { ModelPage } from "./views/model";
import { ModelsPage } from "./views/models";
import { NewStudyPage } from "./views/new_study";
import { StudiesPage } from "./views/studies";
import { StudyPage } from "./views/study";
import { SwarmPage } from "./views/swarm";

export function App() {
  const wanted = tokenWanted.value;
  return (
    <>
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("content")?.focus();
        }}
      >
        Skip to the content
      </a>
      <Header />
      {!wanted && <MemberStrip />}
      {link.value === "lost" && !wanted && <LostBanner />}
      <main id="content" tabIndex={-1}>
        {wanted ? <LogIn why={wanted} /> : <View />}
      </main>
    </>
  );
}

function View() {
  const at = parseRoute(route.value);
  switch (at.page) {
    case "studies":
      return <StudiesPage />;
    case "study":
      return <StudyPage key={at.name} id={at.name} />;
    case "new":
      return <NewStudyPage dataset={at.query.get("dataset") ?? ""} />;
    case "models":
      return <ModelsPage />;
    case "model":
      return (
        <ModelPage key={at.name} name={at.name} version={Number(at.query.get("version") ?? 0)} />
      );
    case "swarm":
      return <SwarmPage />;
    default:
      return (
        <div class="empty">
          <h3>There is no such page</h3>
          <p>
            <a href="#/">Go to the studies</a>
          </p>
        </div>
      );
  }
}

function Header() {
  const page = parseRoute(route.value).page;
  const tab = (to: string, label: string, pages: string[]) => (
    <a href={`#${to}`} aria-current={pages.includes(page) ? "page" : undefined}>
      {label}
    </a>
  );
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label="Starling, studies">
        <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M16 3l5 10-5-2.7L11 13z" />
          <path d="M7 15l5 10-5-2.7L2 25z" opacity=".7" />
          <path d="M25 15l5 10-5-2.7-5 2.7z" opacity=".7" />
          <path d="M16 19l4 8-4-2.2-4 2.2z" opacity=".45" />
        </svg>
        Starling
      </a>
      <nav aria-label="Main">
        {tab("/", "Studies", ["studies", "study", "new"])}
        {tab("/models", "Models", ["models", "model"])}
        {tab("/swarm", "Swarm", ["swarm"])}
      </nav>
      <Health />
    </header>
  );
}

interface Verdict {
  level: "good" | "warn" | "bad" | "unknown";
  words: string;
}

function verdict(members: Member[] | undefined, hasLeader: boolean): Verdict {
  if (link.value === "lost") return { level: "bad", words: "Not connected" };
  if (!members) return { level: "unknown", words: "Connecting" };
  if (!hasLeader) return { level: "bad", words: "No leader" };
  const here = members.filter((member) => member.state !== "left");
  const alive = here.filter((member) => member.state === "alive").length;
  if (alive < here.length)
    return { level: "warn", words: `${alive} of ${here.length} nodes answer` };
  return { level: "good", words: `Healthy, ${alive} ${alive === 1 ? "node" : "nodes"}` };
}

function Health() {
  const state = useComputed(() => verdict(swarm.value?.members, Boolean(swarm.value?.leader)));
  const known = swarm.value;
  return (
    <div class="health">
      {known && (
        <span class="ids quiet">
          <span class="wide-only" title={known.swarm_id}>
            swarm <span class="mono">{shortId(known.swarm_id)}</span>
          </span>
          {leader.value && (
            <span>
              leader <b data-testid="leader-name">{leader.value.name}</b>
            </span>
          )}
        </span>
      )}
      <span class={`verdict verdict-${state.value.level}`} role="status" data-testid="health">
        {state.value.words}
      </span>
      {token.value && !tokenWanted.value && (
        <button
          type="button"
          class="plain small"
          onClick={() => {
            setToken(null);
            location.reload();
          }}
        >
          Log out
        </button>
      )}
    </div>
  );
}

function MemberStrip() {
  const known = swarm.value;
  if (!known) return null;
  const shown = known.members.filter((member) => member.state !== "left");
  return (
    <section aria-label="Members at a glance" data-testid="member-strip">
      <ul class="strip">
        {shown.map((member) => {
          const share =
            member.memory.budget_mb > 0 ? member.memory.used_mb / member.memory.budget_mb : 0;
          const alive = member.state === "alive";
          return (
            <li
              key={member.id}
              class={`chip chip-${member.state}`}
              data-testid="member"
              data-state={member.state}
            >
              <span class={`dot dot-${member.state}`} />
              {member.id === known.self ? (
                <b title="This page comes from this node">{member.name}</b>
              ) : (
                <MemberLink http={member.http}>{member.name}</MemberLink>
              )}
              {member.is_leader && <span class="tag">leader</span>}
              {alive ? (
                <>
                  <Meter share={share} label={`memory of ${member.name}`} />
                  <span
                    class="quiet num"
                    title={
                      `${formatMegabytes(member.memory.used_mb)} of ` +
                      `${formatMegabytes(member.memory.budget_mb)} memory used`
                    }
                  >
                    {member.trials_running}/{member.slots} busy
                  </span>
                </>
              ) : (
                <span class="quiet">{member.state}</span>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

function LostBanner() {
  const others = otherMembers();
  return (
    <div class="banner" role="alert" data-testid="lost-banner">
      <div>
        <b>This node does not answer.</b>{" "}
        {others.length > 0
          ? "The swarm goes on without it. Open this page on another member:"
          : "No other member is known to this page. Trying again by itself."}
        {self.value && (
          <span class="quiet">
            {" "}
            ({self.value.name}, {location.host})
          </span>
        )}
      </div>
      {others.length > 0 && (
        <ul>
          {others.map((member) => (
            <li key={member.http}>
              <MemberLink http={member.http} sameTab testId="other-member">
                {member.name} <span class="mono">{member.http.replace(/^https?:\/\//, "")}</span>
              </MemberLink>
            </li>
          ))}
        </ul>
      )}
      <button type="button" class="small" onClick={connect}>
        Try again now
      </button>
    </div>
  );
}
