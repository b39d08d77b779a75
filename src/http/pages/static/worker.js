// Shows what is pushed, also when no page is open. It keeps nothing and answers no request of pages.
"use strict";
self.addEventListener("push", (event) => {
  let told = {};
  try {
    told = event.data.json();
  } catch {
    // Something must be shown for every push; what cannot be read still says that there is something to look at.
  }
  const options = {
    body: told.body || "Open nightcall to see what happened.",
    tag: told.tag,
    renotify: Boolean(told.tag),
    requireInteraction: true,
    data: { url: told.url || "/incidents" },
  };
  event.waitUntil(self.registration.showNotification(told.title || "nightcall", options));
});
self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url, self.location.origin);
  // Nothing but our own pages is opened, and opening one changes nothing.
  const address = url.origin === self.location.origin ? url.href : "/incidents";
  event.waitUntil(self.clients.openWindow(address));
});
