/** A service worker, as far as this one uses it: the page's types are those of a window. */
interface Scope {
  skipWaiting(): Promise<void>;
  readonly clients: { claim(): Promise<void> };
  addEventListener(type: string, listener: (event: WorkerEvent) => void): void;
}

interface WorkerEvent {
  waitUntil(work: Promise<unknown>): void;
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

/** Every file of the page, and a hash of them all; the build writes both. */
const FILES = "__FILES__" as unknown as readonly string[];
const CACHE = "laurelize-page-__VERSION__";

const scope = self as unknown as Scope;

scope.addEventListener("install", (event) => {
  const fill = async () => {
    const cache = await caches.open(CACHE);
    await cache.addAll(FILES.map((file) => new Request(file, { cache: "reload" })));
    await scope.skipWaiting();
  };
  event.waitUntil(fill());
});

scope.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys())
      if (name.startsWith("laurelize-page-") && name !== CACHE) await caches.delete(name);
    await scope.clients.claim();
  };
  event.waitUntil(tidy());
});

/** Answers with the page's own files from the cache; everything else goes to the server. */
scope.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const answer = async () => {
    const cache = await caches.open(CACHE);
    const isPage = request.mode === "navigate";
    const cached = await cache.match(request, { ignoreSearch: isPage, ignoreVary: true });
    return cached ?? fetch(request);
  };
  event.respondWith(answer());
});
