// The Ask tab: citations open their passage, and the page speaks an answer once, not the log.
(() => {
  "use strict";
  if (window.releafAsk) return;

  const byId = (id) => document.getElementById(id);
  let lastLink = null;
  let lastPressed = null;
  let lastQuestion = null;
  let isFollowing = false;

  function setAttribute(element, name, value) {
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  const sourceId = (link) => link.getAttribute("href")?.match(/#(source-\d+-\d+)$/)?.[1];

  function openSource(link, event) {
    const id = sourceId(link);
    if (!id) return;
    // The passage gets the focus; the address stays, so the page doesn't jump.
    event.preventDefault();
    const passage = byId(id);
    if (!passage) return;
    lastLink = link;
    for (let part = passage; part; part = part.parentElement?.closest("details")) part.open = true;
    passage.querySelector("summary").focus({ preventScroll: true });
    passage.scrollIntoView({ block: "nearest" });
  }

  function goBack(passage) {
    const first = document.querySelector(`#ask-chat a[href$="#${passage.id}"]`);
    const link = lastLink?.isConnected && sourceId(lastLink) === passage.id ? lastLink : first;
    isFollowing = false;
    link?.focus({ preventScroll: true });
    link?.scrollIntoView({ block: "nearest" });
  }

  // A question without an answer goes back into the box, unless something new stands there.
  function putBack(question) {
    const box = document.querySelector("#ask-box textarea");
    if (!box || !question || box.value) return;
    box.value = question;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // The file's address arrives with the next drawing of the page.
  function press(id) {
    setTimeout(() => byId(id)?.click(), 150);
  }

  // An answer is read from its beginning, where the danger stands: a new question goes to the top
  // and stays there while its answer grows, until the person scrolls.
  function follow(log) {
    const question = [...log.querySelectorAll(".user-row")].pop() ?? null;
    if (question !== lastQuestion) {
      isFollowing = question !== null;
      // On a phone the box that was typed into may have pushed the conversation out of sight.
      if (question && log.getBoundingClientRect().top < 0) log.scrollIntoView({ block: "start" });
    }
    lastQuestion = question;
    if (!isFollowing) return;
    const gap = question.getBoundingClientRect().top - log.getBoundingClientRect().top - 48;
    if (gap > 1) log.scrollTop += gap;
  }

  function repair() {
    const chat = byId("ask-chat");
    if (!chat) return;
    const log = chat.querySelector('[role="log"]');
    // Gradio would speak every word as it is written.
    setAttribute(log, "aria-live", "off");
    setAttribute(log, "aria-label", "Conversation");
    setAttribute(log, "tabindex", "0");
    for (const part of chat.querySelectorAll('.examples[role="list"], [role="complementary"]')) {
      part.removeAttribute("role");
    }
    for (const message of chat.querySelectorAll('[data-testid="user"], [data-testid="bot"]')) {
      setAttribute(message, "role", "group");
      const isUser = message.dataset.testid === "user";
      setAttribute(message, "aria-label", isUser ? "You asked" : "Answer");
    }
    for (const link of chat.querySelectorAll('a[href*="#source-"]')) {
      setAttribute(link, "aria-label", `Passage ${link.textContent.replace(/\D/g, "")}`);
    }
    for (const field of chat.querySelectorAll("textarea.edit-textarea")) {
      setAttribute(field, "aria-label", "Change your question");
    }
    const plot = document.querySelector('#ask-plot [data-testid="plotly"]');
    setAttribute(plot, "role", "img");
    setAttribute(plot, "aria-label", "Rank of each passage in every step, as in the table below");
    // The button that was pressed is gone, and the focus with it.
    if (lastPressed && !lastPressed.isConnected) {
      lastPressed = null;
      if (document.activeElement === document.body) log?.focus({ preventScroll: true });
    }
    if (log) follow(log);
  }

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest('a[href*="#source-"]');
    if (link) openSource(link, event);
    const back = target?.closest(".source-back");
    if (back) goBack(back.closest("details"));
  });
  // Before Gradio hears of it, since the button may be gone afterwards.
  const note = (event) => {
    lastPressed = event.target.closest?.("#ask-chat button") ?? null;
  };
  document.addEventListener("click", note, true);
  for (const kind of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    const leave = (event) => {
      if (event.target.closest?.("#ask-chat")) isFollowing = false;
    };
    document.addEventListener(kind, leave, { capture: true, passive: true });
  }

  window.releafAsk = { putBack, press };
  window.releaf.onChange(repair);
})();
