import { useState } from "preact/hooks";
import { sentence } from "../client";
import { useTitle } from "../hooks";
import { readSwarm, swarm } from "../live";
import { capital, formatCount, formatMegabytes } from "../logic/format";
import type { Member } from "../logic/types";
import { Copyable, Loading, Meter, State, TableBox } from "../parts/basics";
import { MemberLink } from "../parts/member_link";
import { ChaosPanel } from "./chaos";

export function SwarmPage() {
  useTitle("Swarm");
  const [fault, setFault] = useState("");
  const known = swarm.value;
  if (!known) return <Loading what="the swarm" />;
  const refresh = () =>
    readSwarm().then(
      () => setFault(""),
      (error: unknown) => setFault(sentence(error)),
    );
  return (
    <>
      <div class="page-head">
        <h1>Swarm</h1>
        <button type="button" onClick={() => void refresh()}>
          Refresh
        </button>
      </div>
      {fault && (
        <div class="notice bad" role="alert">
          <p>{fault}</p>
        </div>
      )}
      {known.notes.map((note) => (
        <div key={note} class="notice">
          <p>{capital(note)}.</p>
        </div>
      ))}
      <dl class="facts">
        <div>
          <dt>Swarm</dt>
          <dd>
            <Copyable text={known.swarm_id} shown={known.swarm_id.slice(0, 16)} />
          </dd>
        </div>
        <div>
          <dt>Term</dt>
          <dd class="num">{formatCount(known.term)}</dd>
        </div>
        <div>
          <dt>Committed</dt>
          <dd class="num">{formatCount(known.commit_index)}</dd>
        </div>
        <div>
          <dt>Applied here</dt>
          <dd class="num">{formatCount(known.applied_index)}</dd>
        </div>
        {known.upstream && (
          <div>
            <dt>Follows</dt>
            <dd>
              {known.members.find((member) => member.id === known.upstream)?.name ??
                known.upstream.slice(0, 8)}
            </dd>
          </div>
        )}
      </dl>
      <TableBox label="Members">
        <table class="list" data-testid="members">
          <thead>
            <tr>
              <th scope="col">Member</th>
              <th scope="col">State</th>
              <th scope="col">Role</th>
              <th scope="col">Memory</th>
              <th scope="col" class="num">
                Slots busy
              </th>
              <th scope="col" class="num">
                Queued
              </th>
              <th scope="col">Page</th>
              <th scope="col" class="num">
                Version
              </th>
            </tr>
          </thead>
          <tbody>
            {known.members.map((member) => (
              <Row key={member.id} member={member} here={member.id === known.self} />
            ))}
          </tbody>
        </table>
      </TableBox>
      <ChaosPanel />
    </>
  );
}

function Row({ member, here }: { member: Member; here: boolean }) {
  const { used_mb: used, budget_mb: budget } = member.memory;
  const labels = Object.entries(member.labels);
  return (
    <tr class={member.state === "dead" || member.state === "left" ? "faded" : ""}>
      <th scope="row">
        {member.name}
        {here && <span class="tag tag-quiet">this page</span>}
        <span class="sub mono">{member.address}</span>
        {labels.length > 0 && (
          <span class="sub">{labels.map(([key, value]) => `${key}=${value}`).join(" ")}</span>
        )}
      </th>
      <td>
        <State value={member.state} />
      </td>
      <td>
        {member.role}
        {member.is_leader && <span class="tag">leader</span>}
      </td>
      <td class="memory-cell">
        <Meter share={budget > 0 ? used / budget : 0} label={`memory of ${member.name}`} />
        <span class="sub num">
          {formatMegabytes(used)} of {formatMegabytes(budget)}
        </span>
      </td>
      <td class="num">
        {member.trials_running} / {member.slots}
      </td>
      <td class="num">{member.trials_queued}</td>
      <td>
        {here ? (
          <span class="quiet">open</span>
        ) : (
          <MemberLink http={member.http}>{member.http.replace(/^https?:\/\//, "")}</MemberLink>
        )}
      </td>
      <td class="num">{member.version}</td>
    </tr>
  );
}
