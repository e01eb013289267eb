import { useState } from "preact/hooks";
import { ApiError, sentence } from "../client";
import { logIn, readSwarm } from "../live";
import { Field, fieldAria } from "../parts/basics";
import { useTitle } from "../hooks";
import { setToken, tokenWanted } from "../session";

const kHint =
  "It is in the file admin-token in the data directory of the node that founded the swarm, " +
  "and valid on every node.";

export function LogIn({ why }: { why: "missing" | "wrong" }) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState(
    why === "wrong" ? "This token is not valid in this swarm." : "",
  );
  useTitle("Log in");
  const submit = async (event: Event) => {
    event.preventDefault();
    if (!text.trim()) {
      setFault("Enter the token.");
      return;
    }
    setBusy(true);
    setFault("");
    setToken(text.trim());
    try {
      await readSwarm();
      logIn();
    } catch (error) {
      setToken(null);
      tokenWanted.value = "missing";
      setFault(
        error instanceof ApiError && error.status === 401
          ? "This token is not valid in this swarm."
          : sentence(error),
      );
    } finally {
      setBusy(false);
    }
  };
  const shownFault = fault || undefined;
  return (
    <form class="card narrow" onSubmit={submit} data-testid="login">
      <h1>Log in</h1>
      <p class="quiet">This swarm asks for its admin token.</p>
      <Field id="token" label="Admin token" hint={kHint} error={shownFault}>
        <input
          {...fieldAria("token", shownFault, kHint)}
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          autofocus
          value={text}
          data-testid="token-input"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </Field>
      <button type="submit" class="primary" disabled={busy} data-testid="token-submit">
        {busy ? "Checking…" : "Log in"}
      </button>
    </form>
  );
}
