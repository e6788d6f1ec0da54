// Live feed, copy buttons and times that move on. Everything works without this file; text from others goes in as text only.
"use strict";
(() => {
  const each = (selector, run, root = document) => root.querySelectorAll(selector).forEach(run);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  each("[data-copy], [data-copy-of]", (button) => {
    if (!navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        const of = button.dataset.copyOf;
        // A path of this site is copied as the whole address.
        const text = of ? document.getElementById(of).textContent : button.dataset.copy.replace(/^\/(?!\/)/, location.origin + "/");
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      setTimeout(() => { button.textContent = "Copy"; }, 1600);
    });
  });

  // The same words as the server's.
  const ago = (then) => {
    const s = Math.floor((Date.now() - then) / 1000);
    if (s < 5) return s < -5 ? null : "just now";
    if (s < 60) return s + "s ago";
    if (s < 3600) return Math.floor(s / 60) + "m ago";
    if (s < 86400) return Math.floor(s / 3600) + "h ago";
    return s < 604800 ? Math.floor(s / 86400) + "d ago" : null;
  };
  const tick = () => each("time[datetime]:not([data-fixed])", (time) => {
    const text = ago(Date.parse(time.dateTime));
    if (text && time.textContent !== text) time.textContent = text;
  });
  setInterval(() => { if (!document.hidden) tick(); }, 15000);

  const WORDS = { allow: "Allowed", deny: "Refused", error: "Error" };
  const HIDDEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu;
  const clean = (text, max) => {
    const named = String(text ?? "").slice(0, max * 2).replace(/\s/g, " ")
      .replace(HIDDEN, (c) => "⟨U+" + c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0") + "⟩");
    const points = Array.from(named);
    return points.length > max ? points.slice(0, max).join("") + "…" : named;
  };
  const took = (ms) => {
    if (typeof ms !== "number" || !(ms >= 0)) return "";
    if (ms < 10 && ms % 1 > 0.05) return ms.toFixed(1) + " ms";
    return ms < 1000 ? Math.round(ms) + " ms" : ms < 60000 ? (ms / 1000).toFixed(1) + " s" : Math.floor(ms / 60000) + " min";
  };
  const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  // The same picture as identicon.rs draws.
  const picture = (svg, id) => {
    let hash = 0x811c9dc5;
    for (const pair of id.replaceAll("-", "").match(/../g)) hash = Math.imul(hash ^ parseInt(pair, 16), 0x01000193) >>> 0;
    let path = "";
    for (let row = 0; row < 5; row++) for (let column = 0; column < 5; column++) {
      if ((hash >>> (row * 3 + Math.min(column, 4 - column))) & 1) path += `M${column} ${row}h1v1h-1z`;
    }
    svg.setAttribute("fill", `hsl(${((hash >>> 16) % 24) * 15} 52% 56%)`);
    svg.firstElementChild.setAttribute("d", path);
  };

  each("[data-live]", (feed) => {
    if (!window.EventSource) return;
    const list = feed.querySelector("ol.calls");
    const blank = feed.querySelector("template");
    const pause = feed.querySelector("[data-pause]");
    const state = feed.querySelector("[data-state]");
    const fresh = feed.querySelector("[data-fresh]");
    const say = feed.querySelector("[data-say]");
    const most = Number(list.dataset.rows) || 25;
    const seen = new Set(Array.from(list.querySelectorAll("a.tool"), (link) => link.getAttribute("href")));
    let waiting = [];
    let missed = 0;
    let paused = false;

    // A listing follows what its address asks for. The stream itself knows the agent and the verdict.
    const asked = "narrow" in feed.dataset ? new URLSearchParams(location.search) : new URLSearchParams();
    const wanted = (key) => asked.get(key)?.trim() ? asked.get(key) : null;
    const fits = (trace) => {
      const is = (key, value) => wanted(key) === null || wanted(key) === value;
      const value = wanted("value");
      return is("tool", trace.tool_name) && is("rule", trace.rule_id) && is("session", trace.metadata?.session_id) &&
        is("runtime", trace.metadata?.runtime) && (value === null || (Array.isArray(trace.values_violated) && trace.values_violated.includes(value)));
    };
    const utc = list.classList.contains("utc");

    const row = (trace) => {
      if (!UUID.test(trace.id) || !UUID.test(trace.agent_id) || !WORDS[trace.action_type]) return null;
      const item = blank.content.firstElementChild.cloneNode(true);
      const part = (name) => item.querySelector(name);
      item.classList.add(trace.action_type, "new");
      part("use").setAttribute("href", "#i-" + trace.action_type);
      part(".w").textContent = WORDS[trace.action_type];
      part(".tool").setAttribute("href", "/trace/" + trace.id);
      part(".tool bdi").textContent = clean(trace.tool_name, 48);
      part(".said bdi").textContent = clean(trace.reason, 160);
      const values = Array.isArray(trace.values_violated) ? trace.values_violated.slice(0, 6) : [];
      if (values.length) part(".val").textContent = values.map((value) => clean(value, 48).replaceAll("_", " ")).join(", ");
      else part(".val").remove();
      if ("one" in feed.dataset || wanted("agent")) part(".who").remove();
      else {
        part(".who").setAttribute("href", "/agent/" + trace.agent_id);
        part(".who span").textContent = trace.agent_id.slice(0, 4) + "…" + trace.agent_id.slice(-4);
        picture(part(".idn"), trace.agent_id);
      }
      part(".dur").textContent = trace.action_type === "deny" ? "" : took(trace.duration_ms);
      const time = part("time");
      const then = Date.parse(trace.timestamp);
      if (!Number.isNaN(then)) {
        time.dateTime = new Date(then).toISOString();
        time.title = new Date(then).toUTCString();
        time.textContent = ago(then) ?? time.title;
        if (utc) {
          time.dataset.fixed = "";
          time.textContent = time.dateTime.slice(0, 19).replace("T", " ");
        }
      }
      return item;
    };

    const selected = () => { const now = getSelection(); return now && !now.isCollapsed && list.contains(now.anchorNode); };
    const held = () => paused || calm.matches || list.matches(":hover") || list.contains(document.activeElement) || selected() || feed.getBoundingClientRect().top < -200;
    const tell = () => {
      fresh.hidden = missed === 0;
      fresh.textContent = missed + " new";
    };
    const when = (row) => Date.parse(row.querySelector("time")?.dateTime) || 0;
    // The next page begins behind the last row that is still here: what went out of the list is found there.
    const older = () => {
      const last = list.lastElementChild;
      if (!feed.id || !when(last)) return;
      let link = feed.querySelector(".pager a[rel=next]");
      if (!link) {
        const pager = document.createElement("nav");
        pager.className = "pager";
        pager.setAttribute("aria-label", "Pages");
        link = document.createElement("a");
        link.rel = "next";
        link.textContent = "Older →";
        pager.append(link);
        feed.append(pager);
      }
      const to = new URL(location.href);
      to.searchParams.delete("newer");
      to.searchParams.set("older", when(last) + "." + last.querySelector("a.tool").getAttribute("href").slice("/trace/".length));
      to.hash = feed.id;
      link.setAttribute("href", to.pathname + to.search + to.hash);
    };
    // The list keeps its height, so that nothing below it moves; what does not fit any more goes. Rows are put in anew rather
    // than pushed down.
    const flush = () => {
      list.style.height = list.offsetHeight + "px";
      each(".new", (row) => row.classList.remove("new"), list);
      const rows = [...waiting.reverse(), ...list.children];
      // What arrives late stands where it belongs in a listing by time; where calls are only watched it stands on top.
      if ("narrow" in feed.dataset) rows.sort((a, b) => when(b) - when(a));
      list.replaceChildren(...rows);
      let cut = waiting.length < missed;
      while (list.children.length > 1 && (list.children.length > most || list.scrollHeight > list.clientHeight)) {
        list.lastElementChild.remove();
        cut = true;
      }
      if (cut) older();
      feed.querySelector("[data-none]")?.remove();
      say.textContent = missed + (missed === 1 ? " new call" : " new calls");
      waiting = [];
      missed = 0;
      tell();
    };
    addEventListener("resize", () => { list.style.height = ""; });
    let due = 0;
    const soon = () => {
      due ||= requestAnimationFrame(() => {
        due = 0;
        if (held()) tell(); else if (missed) flush();
      });
    };
    fresh.addEventListener("click", () => { flush(); fresh.blur(); });
    list.addEventListener("mouseleave", () => { if (missed && !held()) flush(); });

    // A browser resumes by itself where a stream breaks off, but gives up where it is refused, as by a limit. Then it is
    // opened again behind the last event that was seen, so that nothing is left out.
    let source;
    let last = null;
    let wait = 2000;
    const show = () => {
      pause.classList.toggle("on", !paused && source.readyState === 1);
      pause.setAttribute("aria-pressed", String(paused));
      pause.title = paused ? "Go on" : "Pause";
      state.textContent = paused ? "Paused" : ["Connecting", "Live", "Offline"][source.readyState];
    };
    const open = () => {
      const to = new URL(feed.dataset.live, location.origin);
      if (last) to.searchParams.set("last_event_id", last);
      source = new EventSource(to);
      source.addEventListener("open", () => { wait = 2000; show(); });
      source.addEventListener("error", () => {
        show();
        if (source.readyState !== 2) return;
        setTimeout(open, wait);
        wait = Math.min(wait * 2, 60000);
      });
      source.addEventListener("trace", take);
      show();
    };
    pause.hidden = false;
    pause.addEventListener("click", () => {
      paused = !paused;
      if (!paused && missed) flush();
      show();
    });
    const take = (event) => {
      last = event.lastEventId || last;
      let trace;
      try { trace = JSON.parse(event.data); } catch { return; }
      const link = "/trace/" + trace?.id;
      if (seen.has(link) || !fits(trace)) return;
      const item = row(trace);
      if (!item) return;
      seen.add(link);
      if (seen.size > 5000) seen.delete(seen.values().next().value);
      waiting.push(item);
      if (waiting.length > most) waiting.shift();
      missed += 1;
      soon();
    };
    open();
    addEventListener("scroll", () => { if (missed && !held()) soon(); }, { passive: true });
  });
})();
