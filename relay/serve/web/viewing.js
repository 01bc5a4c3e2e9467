// Who watches now. The relay tells an admin alone: signed in with the link that `relay serve` prints, or with the token.

import { rootOf } from "./api.js";
import { describeAge, describeViewers } from "./words.js";

const POLL_MS = 2000;
const DEADLINE_MS = 8000;
const NOTHING = "–";

const root = rootOf(location.href);
const form = document.getElementById("sign-in");
const admin = document.getElementById("admin");
const notice = document.getElementById("notice");
const summary = document.getElementById("summary");

function ask(path, options = {}) {
  return fetch(new URL(path, root), { cache: "no-store", signal: AbortSignal.timeout(DEADLINE_MS), ...options });
}

function say(text) {
  notice.textContent = text;
  notice.hidden = !text;
}

/** Exchange a token, or an invitation, for a cookie. */
async function signIn(token) {
  const body = JSON.stringify({ token });
  const answer = await ask("api/v1/admin/session", { method: "POST", headers: { "Content-Type": "application/json" }, body });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `The relay answers ${answer.status}.`);
}

/** "Chrome 140 · Windows". */
function player({ player_name, player_version, os }) {
  return [`${player_name} ${player_version.split(".")[0]}`.trim(), os].filter(Boolean).join(" · ");
}

function stalls({ playback_stall_count, playback_stall_duration_ms }) {
  return playback_stall_count ? `${playback_stall_count} · ${(playback_stall_duration_ms / 1000).toFixed(1)} s` : "0";
}

function cells(session, now_ms) {
  const here_s = (now_ms - session.started_at_ms) / 1000;
  const latency_ms = session.live_latency_ms_p50;
  return [
    session.stream_id,
    describeAge(here_s),
    describeAge(Math.min(session.watched_time_s, here_s)), // an estimate counts the last segment as watched
    player(session),
    [session.client_net, session.country].filter(Boolean).join(" · "),
    session.rendition || NOTHING,
    latency_ms === null ? NOTHING : `${(latency_ms / 1000).toFixed(1)} s`,
    stalls(session),
  ];
}

function show({ sessions, watching, now_ms }) {
  const template = document.getElementById("row").content.firstElementChild;
  const rows = sessions.map((session) => {
    const row = template.cloneNode(true);
    cells(session, now_ms).forEach((text, column) => (row.children[column].textContent = text));
    return row;
  });
  document.querySelector("#viewers tbody").replaceChildren(...rows);
  summary.textContent = describeViewers(watching);
  say(watching === 0 ? "Nobody watches just now." : watching > sessions.length ? `The newest ${sessions.length} are shown.` : "");
}

async function poll() {
  let wait_ms = POLL_MS;
  try {
    const answer = await ask("api/v1/sessions/live");
    const isAdmin = answer.status !== 401;
    admin.hidden = !isAdmin;
    form.hidden = isAdmin;
    if (!isAdmin) {
      summary.textContent = "";
      return;
    }
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
  } catch {
    summary.textContent = "";
    say("The relay does not answer. This page goes on by itself as soon as it does.");
    wait_ms *= 2;
  }
  setTimeout(poll, wait_ms);
}

async function enter(token) {
  say("");
  try {
    await signIn(token);
  } catch (error) {
    say(error.message);
  }
  await poll();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const token = document.getElementById("token").value;
  form.reset();
  enter(token);
});

document.getElementById("sign-out").addEventListener("click", async () => {
  await ask("api/v1/admin/session", { method: "DELETE" }).catch(() => {});
  location.reload();
});

// Behind `#` it was sent to nobody; it is good once, and need not stay in the history.
const invitation = new URLSearchParams(location.hash.slice(1)).get("admin");
if (invitation) history.replaceState(null, "", location.pathname + location.search);
if (invitation) enter(invitation);
else poll();
