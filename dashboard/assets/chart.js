// Draws the charts again with uPlot, out of the tables below them. Where a chart may be brushed, a span that is drawn over
// becomes the page's since and until. Without this file the server's drawing and the table stay.
"use strict";
(() => {
  if (!window.uPlot) return;
  const DAY = 86400000;
  const PARTS = ["deny", "error", "allow"];
  const TOKENS = { deny: "--deny", error: "--error", allow: "--bar" };
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const pad = (number) => String(number).padStart(2, "0");
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const say = (ms, step) => {
    const at = new Date(ms);
    const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
    if (step >= DAY) return day;
    const time = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}`;
    return step < 60000 ? `${day} ${time}:${pad(at.getUTCSeconds())}` : `${day} ${time}`;
  };
  const counted = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

  const draw = (figure) => {
    const plot = figure.querySelector(".plot");
    const first = Number(figure.dataset.first);
    const step = Number(figure.dataset.step);
    const bars = Number(figure.dataset.bars);
    if (!plot || !(step > 0) || !(bars > 0)) return;
    const times = Array.from({ length: bars }, (_, index) => first + index * step);
    const counts = { deny: new Array(bars).fill(0), error: new Array(bars).fill(0), allow: new Array(bars).fill(0) };
    for (const row of figure.querySelectorAll("tr[data-at]")) {
      const index = Math.round((Number(row.dataset.at) - first) / step);
      const cells = row.querySelectorAll("td");
      if (!(index >= 0 && index < bars) || cells.length < 3) continue;
      ["allow", "deny", "error"].forEach((part, cell) => { counts[part][index] = Number(cells[cell].textContent) || 0; });
    }
    const sums = times.map((_, index) => PARTS.reduce((sum, part) => sum + counts[part][index], 0));
    const most = Math.max(1, ...sums);
    // A part that is not zero is seen: one refusal among thousands is what people look for.
    const least = most * 0.02;
    const tops = PARTS.map(() => []);
    for (let index = 0; index < bars; index++) {
      let top = 0;
      PARTS.forEach((part, place) => {
        const count = counts[part][index];
        if (count) top += Math.max(count, least);
        tops[place].push(top);
      });
    }

    const label = plot.querySelector("svg")?.getAttribute("aria-label");
    const reads = document.createElement("output");
    reads.className = "reads";
    reads.setAttribute("aria-hidden", "true");
    const axis = { stroke: () => colour("--mute"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const series = [...PARTS].reverse().map((part) => ({
      stroke: () => colour(TOKENS[part]),
      fill: () => colour(TOKENS[part]),
      width: 0,
      points: { show: false },
      paths: uPlot.paths.bars({ size: [0.8, 64, 1], align: 1, radius: 0.12 }),
    }));
    const length = bars * step;
    const chart = new uPlot({
      width: plot.clientWidth,
      height: plot.clientHeight,
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), "Etc/UTC"),
      legend: { show: false },
      padding: [8, 18, 0, 0],
      cursor: { y: false, points: { show: false }, drag: { x: Boolean(figure.dataset.brush), y: false, setScale: false } },
      scales: { x: { time: true, range: [first, first + length] }, y: { range: [0, most * 1.02 + least] } },
      axes: [
        { ...axis, size: 20, gap: 3, grid: { show: false }, space: 84, values: (_, splits) => splits.map((ms) => (length > 3 * DAY ? say(ms, DAY) : say(ms, step).slice(length > DAY / 2 ? 0 : -5))) },
        { ...axis, size: 38, gap: 4, space: 26, grid: { stroke: () => colour("--line"), width: 1 }, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8, 1e9], values: (_, splits) => splits.map((count) => (count >= 1000 ? count / 1000 + "k" : String(count))) },
      ],
      series: [{}, ...series],
      hooks: {
        setCursor: [(at) => {
          const left = at.cursor.left ?? -1;
          const index = left < 0 ? -1 : Math.floor((at.posToVal(left, "x") - first) / step);
          reads.textContent = index < 0 || index >= bars ? "" : `${say(times[index], step)}: ${counted(sums[index], "call", "calls")}, ${counts.deny[index]} refused, ${counts.error[index]} failed`;
        }],
        setSelect: [(at) => {
          if (!figure.dataset.brush || at.select.width < 4) return;
          const bound = (left, round) => first + Math.min(bars, Math.max(0, round((at.posToVal(left, "x") - first) / step))) * step;
          const since = bound(at.select.left, Math.floor);
          const until = bound(at.select.left + at.select.width, Math.ceil);
          if (until <= since) return;
          const to = new URL(figure.dataset.brush, location.origin);
          to.searchParams.set("since", new Date(since).toISOString());
          to.searchParams.set("until", new Date(until).toISOString());
          location.assign(to);
        }],
      },
    }, [times, ...tops.reverse()], (at, ready) => {
      plot.replaceChildren(at.root, reads);
      ready();
    });
    if (label) {
      chart.root.setAttribute("role", "img");
      chart.root.setAttribute("aria-label", label);
    }
    new ResizeObserver(() => chart.setSize({ width: plot.clientWidth, height: plot.clientHeight })).observe(plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.redraw(false));
  };
  document.querySelectorAll("[data-chart]").forEach(draw);
})();
