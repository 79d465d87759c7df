// The board's page. What people wrote goes into the document through `textContent` alone, so it is never read as HTML.
"use strict";

const PATIENCE = 30_000; // ms; the server says something every 20 s, so a connection silent for longer is dead
const FIRST_PAUSE = 500; // ms before the first new attempt; each failure doubles it
const LONGEST_PAUSE = 30_000;

const element = (id) => document.getElementById(id);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let newest; // the id of the newest post on the page: what comes live is after it
let oldest;

// -- posts ------------------------------------------------------------------------------------------------------------

function render(post) {
  const item = element("post").content.firstElementChild.cloneNode(true);
  item.dataset.id = post.id;
  item.querySelector(".author").textContent = post.author;
  item.querySelector(".text").textContent = post.text;
  const time = item.querySelector("time");
  time.dateTime = post.at;
  time.textContent = new Date(post.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  return item;
}

function addNewer(posts) {
  element("posts").prepend(...posts.map(render).reverse());
  newest = posts.at(-1)?.id ?? newest ?? 0;
  oldest ??= posts[0]?.id;
  element("empty").hidden = newest > 0;
}

function addOlder(posts) {
  element("posts").append(...posts.map(render).reverse());
  oldest = posts[0]?.id ?? oldest;
}

async function fetchJSON(url, options) {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(await explain(response));
  return response.json();
}

async function explain(response) {
  const problem = await response.json().catch(() => ({})); // RFC 9457, unless a proxy answered in the board's place
  const faults = (problem.errors ?? []).map(({ pointer, message }) => `${pointer.slice(1)} ${message}`);
  return faults.join("; ") || problem.detail || `The server answered ${response.status}.`;
}

element("older").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  try {
    const { posts, more } = await fetchJSON(`api/posts?before=${oldest}`);
    addOlder(posts);
    target.hidden = !more;
  } catch (error) {
    element("problem").textContent = error.message;
  } finally {
    target.disabled = false;
  }
});

// -- writing ----------------------------------------------------------------------------------------------------------

element("author").value = localStorage.getItem("author") ?? "";

element("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [author, text] = [element("author").value.trim(), element("text").value.trim()];
  element("send").disabled = true;
  element("problem").textContent = "";
  try {
    await fetchJSON("api/posts", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ author, text }),
    });
    // The post itself comes live, in its place among those of others.
    localStorage.setItem("author", author);
    element("text").value = "";
  } catch (error) {
    element("problem").textContent = error.message;
  } finally {
    element("send").disabled = false;
    element("text").focus();
  }
});

element("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) element("form").requestSubmit();
});

// -- live updates -----------------------------------------------------------------------------------------------------

function tell(transport, text) {
  element("status").dataset.transport = transport;
  element("status").textContent = text;
}

// Follow the board over a WebSocket until it ends. Returns whether it brought anything: it does not where the server, or
// a proxy before it, has no WebSockets.
function overWebSocket() {
  return new Promise((resolve) => {
    const url = new URL(`api/live?after=${newest}`, document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    let worked = false;
    let silence;
    const watch = () => {
      clearTimeout(silence);
      silence = setTimeout(end, PATIENCE);
    };
    const end = () => {
      clearTimeout(silence);
      socket.onmessage = socket.onclose = null;
      socket.close();
      resolve(worked);
    };
    socket.onmessage = ({ data }) => {
      watch();
      addNewer(JSON.parse(data));
      worked = true;
      tell("websocket", "live");
    };
    socket.onclose = end;
    watch();
  });
}

// Follow the board by asking again and again until an answer fails to come. Returns whether one came.
async function overLongPolling() {
  let worked = false;
  for (let wait = 0; ; wait = 20) { // the first answer comes at once and tells whether the server is there
    const asked = performance.now();
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      const posts = await fetchJSON(`api/poll?after=${newest}&wait=${wait}`, { signal });
      addNewer(posts);
      worked = true;
      tell("polling", "live, by polling");
      // A server that lets nobody wait any more is not to be asked without a pause.
      if (wait && !posts.length && performance.now() - asked < 1000) await sleep(1000);
    } catch {
      return worked;
    }
  }
}

async function follow() {
  for (let pause = FIRST_PAUSE; ; ) {
    const worked = (await overWebSocket()) || (await overLongPolling());
    // Both have ended: the server was stopped or is out of reach.
    tell("none", "connecting");
    pause = worked ? FIRST_PAUSE : Math.min(2 * pause, LONGEST_PAUSE);
    await sleep(pause * (0.5 + Math.random() / 2)); // not everybody at the same moment
  }
}

async function start() {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      const { posts, more } = await fetchJSON("api/posts");
      addNewer(posts);
      element("older").hidden = !more;
      return follow();
    } catch (error) {
      element("problem").textContent = error.message;
      await sleep(pause);
    }
  }
}

start();
