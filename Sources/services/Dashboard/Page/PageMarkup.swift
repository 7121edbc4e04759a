// Written by deploy/dev/dashboard-page from Source/page.html; change that file instead.
// swift-format-ignore-file
/// The document around its style and its script.
enum PageMarkup {
static let before = #"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Apus cluster</title>
<link rel="icon" href="data:,">
<style>
"""#
static let between = #"""
</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header>
  <h1>Apus cluster</h1>
  <p id="teller" class="muted">not connected yet</p>
  <p id="connection" class="badge" role="status" data-state="connecting">connecting</p>
  <div class="tools">
    <button type="button" id="pause" aria-pressed="false">Pause</button>
    <button type="button" id="theme">Theme: system</button>
  </div>
</header>
<nav aria-label="Sections">
  <a href="#warnings-title">Warnings</a>
  <a href="#traffic-title">Traffic</a>
  <a href="#workers-title">Workers</a>
  <a href="#queues-title">Queues and tenants</a>
  <a href="#processes-title">Routers and frontends</a>
  <a href="#requests-title">Requests</a>
</nav>
<main id="main" tabindex="-1">
  <section aria-labelledby="warnings-title">
    <h2 id="warnings-title" tabindex="-1">Warnings</h2>
    <p id="warnings-count" role="status">not known yet</p>
    <ul id="warnings" class="warnings"></ul>
  </section>
  <section aria-labelledby="traffic-title">
    <h2 id="traffic-title" tabindex="-1">Traffic</h2>
    <div id="charts" class="charts"></div>
  </section>
  <section aria-labelledby="workers-title">
    <h2 id="workers-title" tabindex="-1">Workers</h2>
    <div id="workers"></div>
  </section>
  <section aria-labelledby="queues-title">
    <h2 id="queues-title" tabindex="-1">Queues and tenants</h2>
    <h3 id="queue-title">Queues of routers, by model</h3>
    <div id="queues"></div>
    <h3 id="tenant-title">Tenants</h3>
    <div id="tenants"></div>
    <h3 id="waiting-title">This frontend's requests that wait for a place, by tenant and class</h3>
    <div id="waiting"></div>
  </section>
  <section aria-labelledby="processes-title">
    <h2 id="processes-title" tabindex="-1">Routers and frontends</h2>
    <h3 id="router-title">Routers</h3>
    <div id="routers"></div>
    <h3 id="frontend-title">Frontends</h3>
    <div id="frontends"></div>
  </section>
  <section aria-labelledby="requests-title">
    <h2 id="requests-title" tabindex="-1">Requests</h2>
    <form id="search" role="search" aria-label="Requests">
      <label for="search-id">Id, its beginning, or what the client called it</label>
      <input id="search-id" name="id" type="search" maxlength="200" autocomplete="off" spellcheck="false">
      <label for="search-state">Which</label>
      <select id="search-state" name="state">
        <option value="any">all that are kept</option>
        <option value="running">running</option>
        <option value="ended">ended</option>
        <option value="troubled">failed or tried again</option>
      </select>
      <button type="submit">Search</button>
    </form>
    <p id="search-result" role="status"></p>
    <div id="requests"></div>
    <div id="request" class="request" role="region" aria-labelledby="request-title" tabindex="-1" hidden>
      <h3 id="request-title">Request</h3>
      <div id="request-body"></div>
    </div>
  </section>
</main>
<footer><p class="muted">Served by one frontend, from what the cluster's processes tell of themselves. Nothing of prompts or answers is known here.</p></footer>
<script>
"""#
static let after = #"""
</script>
</body>
</html>

"""#
}
