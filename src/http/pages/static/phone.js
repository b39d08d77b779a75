// Subscribes this browser and hands the subscription to the form, which posts it as any other.
(() => {
  "use strict";
  const form = document.getElementById("subscribe");
  const said = document.getElementById("said");
  if (!form) return;
  const say = (text) => {
    said.textContent = text;
    said.hidden = false;
  };
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    say("This browser takes no pushed messages. On an iPhone, add nightcall to the home screen first and open it there.");
    form.hidden = true;
    return;
  }
  const bytes = (text) => {
    const padded = text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "=");
    return Uint8Array.from(atob(padded), (c) => c.charCodeAt(0));
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      if ((await Notification.requestPermission()) !== "granted") {
        say("The browser was told not to show messages; allow them in its settings for this site.");
        return;
      }
      await navigator.serviceWorker.register("/worker.js");
      const worker = await navigator.serviceWorker.ready;
      const options = { userVisibleOnly: true, applicationServerKey: bytes(form.dataset.key) };
      const { endpoint, keys } = (await worker.pushManager.subscribe(options)).toJSON();
      form.elements.endpoint.value = endpoint;
      form.elements.p256dh.value = keys.p256dh;
      form.elements.auth.value = keys.auth;
      form.submit();
    } catch (error) {
      say(`The browser could not subscribe: ${error.message}`);
    }
  });
})();
