// The Upcycle tab: buttons and points of the graph act, projects are printed, links are copied.
(() => {
  "use strict";
  if (window.releafUpcycle) return;

  const byId = (id) => document.getElementById(id);
  const PATIENCE_MS = 5000;
  // A slow machine may take long to draw the page itself.
  const START_MS = 60000;
  let last = "";
  let isWalkFromWords = false;
  let opener = "";
  let next = "";
  let count = 0;

  // Waits until what the last action asked for is drawn.
  function whenThere(find, act, patience = PATIENCE_MS) {
    const part = find();
    if (part) act(part);
    else if (patience > 0) setTimeout(() => whenThere(find, act, patience - 40), 40);
  }

  function openTab(id, patience) {
    const open = (tab) => tab.getAttribute("aria-selected") === "true" || tab.click();
    whenThere(() => byId(`tab-${id}-button`), open, patience);
  }

  // Hands words to the server by way of a hidden field; the number makes each one a change.
  // The field is drawn when its tab is first opened.
  function send(id, words) {
    const find = () => document.querySelector(`#${id} :is(textarea, input)`);
    whenThere(find, (field) => {
      field.value = `${(count += 1)} ${words}`;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }

  function openView(label) {
    const tabs = [...document.querySelectorAll('#upcycle-views [role="tab"]')];
    tabs.find((tab) => tab.textContent.trim().toLowerCase() === label)?.click();
  }

  function go(action) {
    last = action;
    isWalkFromWords = Boolean(document.activeElement?.closest("#upcycle-words"));
    send("upcycle-action", action);
  }

  // After an action the focus goes where its outcome stands.
  function arrive() {
    const [kind, rest] = [last.split(":")[0], last.slice(last.indexOf(":") + 1)];
    last = "";
    if (kind === "project") {
      opener = rest;
      const find = () => document.querySelector(`#upcycle-project [data-project="project:${rest}"] h2`);
      whenThere(find, (heading) => heading.focus());
    } else if (kind === "back") {
      const find = () => document.querySelector(`#upcycle-list [data-card="project:${opener}"] button`);
      whenThere(find, (button) => button.focus());
    } else if (kind === "take" && next) {
      const project = next;
      next = "";
      go(project);
    } else if (["relax", "say", "take"].includes(kind)) {
      whenThere(() => byId("upcycle-results"), (heading) => heading.focus());
    }
  }

  // The words are drawn anew, and the button that was pressed is gone.
  function arriveInGraph() {
    if (!isWalkFromWords) return;
    isWalkFromWords = false;
    setTimeout(() => document.querySelector("#upcycle-words h3")?.focus(), 60);
  }

  function copyLink(button) {
    const address = new URL(button.dataset.copyLink, window.location.href).href;
    const words = button.textContent;
    const say = (text) => {
      button.textContent = text;
      window.releaf.announce(text);
      setTimeout(() => (button.textContent = words), 2500);
    };
    const failed = () => say("Copy the link below");
    if (!navigator.clipboard) return failed();
    navigator.clipboard.writeText(address).then(() => say("Link copied"), failed);
  }

  // The project alone goes on paper, black on white, whatever the page looks like.
  function layOutForPrint() {
    byId("print-sheet")?.remove();
    const project = document.querySelector("#upcycle-project article.project");
    if (!project?.offsetParent) return;
    const sheet = document.createElement("div");
    sheet.id = "print-sheet";
    sheet.append(project.cloneNode(true));
    const reason = document.querySelector("#upcycle-reason section");
    if (reason) sheet.append(reason.cloneNode(true));
    document.body.append(sheet);
  }
  window.addEventListener("beforeprint", layOutForPrint);
  window.addEventListener("afterprint", () => byId("print-sheet")?.remove());

  function repair() {
    for (const plot of document.querySelectorAll("#upcycle-plot .js-plotly-plot")) {
      // Plotly gives the picture its events once it has drawn it.
      if (!plot.on || plot.dataset.isWalkable) continue;
      plot.dataset.isWalkable = "yes";
      plot.on("plotly_click", (event) => {
        const node = event.points.map((point) => point.customdata).find(Boolean);
        if (node) go(`walk:${node}`);
      });
    }
    const frame = document.querySelector('#upcycle-plot [data-testid="plotly"]');
    if (frame && frame.getAttribute("role") !== "img") {
      frame.setAttribute("role", "img");
      frame.setAttribute("aria-label", "The graph around your thing, as in the words below");
    }
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const button = target?.closest("[data-go], [data-print], [data-save], [data-copy-link], [data-tab]");
    if (!button) return;
    if ("print" in button.dataset) window.print();
    else if ("save" in button.dataset) byId("upcycle-save")?.click();
    else if ("copyLink" in button.dataset) copyLink(button);
    else if ("tab" in button.dataset) openView(button.dataset.tab);
    else {
      if (button.dataset.go.startsWith("take:")) openTab("upcycle");
      // A project of another tab is opened once its thing has been taken over.
      next = button.dataset.then ?? "";
      go(button.dataset.go);
    }
  });

  window.releaf.onChange(repair);

  const wanted = new URLSearchParams(window.location.search).get("tab");
  if (wanted && /^[a-z]+$/.test(wanted)) {
    openTab(wanted, START_MS);
  }

  window.releafUpcycle = { arrive, arriveInGraph, openTab, send, whenThere };
})();
