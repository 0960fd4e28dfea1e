// Edges between source and result, the size of the pictures, and videos in step.
const all = document.getElementById("all");
const edges = [...document.querySelectorAll(".pair input")];
const move = (edge, value) => {
  edge.value = value;
  edge.setAttribute("aria-valuetext", `${Math.round(value)} percent of the source shown`);
  edge.parentElement.style.setProperty("--cut", `${value}%`);
};
// A browser may have kept what was set before a reload.
edges.forEach((edge) => {
  move(edge, 0);
  edge.addEventListener("input", () => move(edge, edge.value));
});
if (all) {
  all.value = 0;
  all.addEventListener("input", () => edges.forEach((edge) => move(edge, all.value)));
}
const size = document.getElementById("size");
const cell = document.querySelector("tbody td");
if (size && cell) {
  size.value = cell.getBoundingClientRect().width;
  size.addEventListener("input", () => document.documentElement.style.setProperty("--w", `${size.value}px`));
}

// Not every browser plays a video from a data URL, but all do from memory.
const inMemory = (text) => URL.createObjectURL(new Blob([Uint8Array.from(atob(text), (each) => each.charCodeAt(0))], { type: "video/mp4" }));
const source = document.querySelector("video.source");
const held = [...document.querySelectorAll("video[data-mp4]")];
held.forEach((video) => { video.src = inMemory(video.dataset.mp4); });
const under = [...document.querySelectorAll("video.under")];
if (source) under.forEach((video) => { video.src = source.src; });
const videos = [...held, ...under.filter((video) => video.src)];
const button = document.getElementById("play");
if (button && videos.length) {
  const [leader, ...others] = videos;
  let playing = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  const show = () => {
    button.textContent = playing ? "Pause" : "Play";
    videos.forEach((video) => (playing ? video.play().catch(() => {}) : video.pause()));
  };
  // All end together, so all begin again together.
  leader.addEventListener("ended", () => {
    videos.forEach((video) => { video.currentTime = 0; });
    show();
  });
  leader.addEventListener("timeupdate", () => others.forEach((video) => {
    if (Math.abs(video.currentTime - leader.currentTime) > 0.08 && !video.seeking && !leader.ended) video.currentTime = leader.currentTime;
  }));
  button.addEventListener("click", () => { playing = !playing; show(); });
  show();
}
