// Gradio's client hears of all its events on one stream, which the server ends with "close_stream"
// when none is left to answer. An event that the server takes while that message is on its way is
// on no stream, and its answer stays away until another event comes (Gradio 6.31). So the message
// is kept back here while an answer is missing, and the stream goes on with a new request.
(() => {
  "use strict";
  if (window.releafEventStream) return;
  window.releafEventStream = true;

  const send = window.fetch.bind(window);
  const encoder = new TextEncoder();
  const unanswered = new Set();
  // Answers may overtake the server's word that it has taken the event.
  const answeredEarly = new Set();
  let clientKnowsOfEnd = Promise.resolve();

  const aborted = (signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", resolve, { once: true });
    });

  async function joined(response) {
    if (!response.ok) return response;
    const { event_id: id } = await response.clone().json();
    if (!answeredEarly.delete(id)) unanswered.add(id);
    // The client opens a stream for this event only if it knows that the last one has ended.
    await clientKnowsOfEnd;
    return response;
  }

  function note({ msg, event_id: id }) {
    if (msg === "process_completed" && !unanswered.delete(id)) answeredEarly.add(id);
    if (msg === "unexpected_error") unanswered.clear();
  }

  // Gives the client what one request brings; returns whether its end was kept back.
  async function passOn(response, signal, client) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const texts = (rest + part.value).split("\n\n");
      rest = texts.pop();
      for (const text of texts) {
        const message = JSON.parse(text.replace(/^data: /, ""));
        note(message);
        const isEnd = message.msg === "close_stream";
        if (isEnd && unanswered.size) return true;
        if (isEnd) clientKnowsOfEnd = aborted(signal);
        client.enqueue(encoder.encode(`${text}\n\n`));
        if (isEnd) return false;
      }
    }
    return false;
  }

  async function listen(request) {
    const first = await send(request.clone());
    if (!first.ok) return first;
    const messages = new ReadableStream({
      async start(client) {
        let response = first;
        while (await passOn(response, request.signal, client)) {
          response = await send(request.clone());
          if (!response.ok) throw new Error(`The event stream ended with ${response.status}.`);
        }
        client.close();
      },
    });
    return new Response(messages, first);
  }

  window.fetch = async (input, options) => {
    const path = new URL(input.url ?? input, location.href).pathname;
    if (path.endsWith("/queue/join")) return joined(await send(input, options));
    if (path.endsWith("/queue/data")) return listen(new Request(input, options));
    return send(input, options);
  };
})();
