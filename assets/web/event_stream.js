// Gradio's client hears of all its events on one stream, which the server ends with "close_stream"
// when none is left to answer. An event that the server takes while that message is on its way is
// on no stream, and its answer stays away until another event comes (Gradio 6.31). So the client is
// given a stream that does not end: while answers are awaited, it is fed by a request to the server.
(() => {
  "use strict";
  if (window.releafEventStream) return;
  window.releafEventStream = true;

  const send = window.fetch.bind(window);
  const encoder = new TextEncoder();
  const unanswered = new Set();
  // Answers may overtake the server's word that it has taken the event.
  const answeredEarly = new Set();
  let stream = null;

  async function joined(response) {
    if (!response.ok) return response;
    const { event_id: id } = await response.clone().json();
    if (!answeredEarly.delete(id)) {
      unanswered.add(id);
      stream?.listen();
    }
    return response;
  }

  function note({ msg, event_id: id }) {
    if (msg === "process_completed" && !unanswered.delete(id)) answeredEarly.add(id);
    if (msg === "unexpected_error") unanswered.clear();
  }

  // Hands on what one request brings, without its end; returns whether the server has ended it.
  async function handOn(response, client) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    let isEnded = false;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const texts = (rest + part.value).split("\n\n");
      rest = texts.pop();
      for (const text of texts) {
        const message = JSON.parse(text.replace(/^data: /, ""));
        note(message);
        if (message.msg === "close_stream") isEnded = true;
        else client.enqueue(encoder.encode(`${text}\n\n`));
      }
    }
    return isEnded;
  }

  function endless(url, first, leaving) {
    let isListening = false;
    let client = null;

    async function listen(response = null) {
      if (isListening) return;
      isListening = true;
      try {
        let isEnded = true;
        while (isEnded && (response || unanswered.size)) {
          response ??= await send(url, { signal: leaving.signal });
          if (!response.ok) throw new Error(`The event stream answered ${response.status}.`);
          isEnded = await handOn(response, client);
          response = null;
        }
      } catch (error) {
        if (!leaving.signal.aborted) client.error(error);
      }
      isListening = false;
    }

    const messages = new ReadableStream({
      start(controller) {
        client = controller;
        listen(first);
      },
      cancel() {
        leaving.abort();
      },
    });
    return { listen, messages, leave: () => leaving.abort() };
  }

  async function opened(url) {
    stream?.leave();
    const leaving = new AbortController();
    const first = await send(url, { signal: leaving.signal });
    if (!first.ok) return first;
    stream = endless(url, first, leaving);
    return new Response(stream.messages, first);
  }

  window.fetch = async (input, options) => {
    const url = new URL(input.url ?? input, location.href);
    if (url.pathname.endsWith("/queue/join")) return joined(await send(input, options));
    if (url.pathname.endsWith("/queue/data")) return opened(url);
    return send(input, options);
  };
})();
