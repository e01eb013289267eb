// From a file to a running study: choose the data, see what is in it, say what to predict.
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, sentence, upload } from "../client";
import type { Upload } from "../client";
import { useResource, useTitle } from "../hooks";
import { formatBytes, formatCount } from "../logic/format";
import { freeName, nameFromFile } from "../logic/forms";
import type { Dataset } from "../logic/types";
import { Loading, Problem } from "../parts/basics";
import { go } from "../session";
import { ProfileTable } from "./profile";
import { StudyFields } from "./study_fields";

export function NewStudyPage({ dataset }: { dataset: string }) {
  useTitle("New study");
  const all = useResource<{ datasets: Dataset[] }>("/datasets");
  const profile = useResource<Dataset>(
    dataset ? `/datasets/${encodeURIComponent(dataset)}/profile` : null,
  );
  return (
    <>
      <div class="page-head">
        <div>
          <p class="crumb">
            <a href="#/">Studies</a>
          </p>
          <h1>New study</h1>
        </div>
      </div>
      <section class="card">
        <h2>1. Data</h2>
        <ChooseData
          all={all.data?.datasets ?? null}
          chosen={dataset}
          listError={all.error}
          added={(id) => {
            all.reload();
            go(`/new?dataset=${id}`);
          }}
        />
      </section>
      {profile.loading && <Loading what="the profile" />}
      {profile.error !== null && <Problem error={profile.error} retry={profile.reload} />}
      {profile.data && (
        <>
          <section class="card flush" data-testid="profile">
            <h2>2. What is in it</h2>
            <ProfileTable dataset={profile.data} />
          </section>
          <section class="card">
            <h2>3. What to find</h2>
            <StudyFields key={profile.data.id} dataset={profile.data} />
          </section>
        </>
      )}
    </>
  );
}

interface ChooseProps {
  all: Dataset[] | null;
  chosen: string;
  listError: unknown;
  added: (id: string) => void;
}

function ChooseData({ all, chosen, listError, added }: ChooseProps) {
  const [file, setFile] = useState<File | null>(null);
  const [share, setShare] = useState(0);
  const [fault, setFault] = useState("");
  const [over, setOver] = useState(false);
  const running = useRef<Upload | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  useEffect(() => () => running.current?.cancel(), []);

  const take = async (next: File | undefined) => {
    setOver(false);
    if (!next || running.current) return;
    setFile(next);
    setShare(0);
    setFault("");
    const name = freeName(
      nameFromFile(next.name),
      (all ?? []).map((dataset) => dataset.name),
    );
    running.current = upload(`/datasets?name=${encodeURIComponent(name)}`, next, setShare);
    try {
      const stored = (await running.current.done) as Dataset;
      added(stored.id);
    } catch (error) {
      setFault(
        error instanceof ApiError && error.status === 413
          ? `${sentence(error)} The file has ${formatBytes(next.size)}.`
          : sentence(error),
      );
    } finally {
      running.current = null;
      setFile(null);
      if (picker.current) picker.current.value = "";
    }
  };
  return (
    <>
      {file ? (
        <UploadProgress file={file} share={share} stop={() => running.current?.cancel()} />
      ) : (
        <div
          class={over ? "drop over" : "drop"}
          data-testid="drop"
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            void take(event.dataTransfer?.files[0]);
          }}
        >
          <label class="button" for="file">
            Choose a CSV file
          </label>
          <input
            ref={picker}
            id="file"
            class="unseen"
            type="file"
            accept=".csv,.tsv,.txt,.gz,text/csv"
            data-testid="file"
            onChange={(event) => void take(event.currentTarget.files?.[0])}
          />
          <span class="quiet">or drop it here</span>
        </div>
      )}
      {fault && (
        <div class="notice bad" role="alert" data-testid="upload-error">
          <p>{fault}</p>
        </div>
      )}
      {listError !== null && <Problem error={listError} />}
      {all && all.length > 0 && !file && (
        <p class="stored">
          <label for="stored">Or use stored data</label>
          <select
            id="stored"
            value={chosen}
            data-testid="stored"
            onChange={(event) =>
              go(event.currentTarget.value ? `/new?dataset=${event.currentTarget.value}` : "/new")
            }
          >
            <option value="">Choose…</option>
            {all.map((dataset) => (
              <option key={dataset.id} value={dataset.id}>
                {dataset.name} ({formatCount(dataset.rows)} rows, {formatBytes(dataset.bytes)})
              </option>
            ))}
          </select>
        </p>
      )}
    </>
  );
}

function UploadProgress({ file, share, stop }: { file: File; share: number; stop: () => void }) {
  const percent = Math.round(share * 100);
  return (
    <div class="upload" role="status" data-testid="uploading">
      <p>
        <b>{file.name}</b>{" "}
        <span class="quiet num">
          {formatBytes(file.size)},{" "}
          {share < 1 ? `${percent} % sent` : "sent; storing copies and reading the columns…"}
        </span>
      </p>
      <div
        class="bar"
        role="progressbar"
        aria-label="upload"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
      >
        <span class="part part-completed" style={{ flexGrow: percent }} />
        <span style={{ flexGrow: 100 - percent }} />
      </div>
      <button type="button" class="small" onClick={stop}>
        Stop
      </button>
    </div>
  );
}
