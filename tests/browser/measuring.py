"""What a page costs while it is scrolled, measured in the browser, and how slow the machine is meanwhile."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["WATCH", "heap_bytes", "slowness"]

WATCH = """
window.longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
}).observe({ type: 'longtask', buffered: true });
// A step a frame until it is over; tells the most there ever was of `nodes` and of what *counted* selects, by name,
// and the longest task.
window.scrolled = async (isOver, step, counted) => {
  const all = { nodes: '*', ...counted }, most = {};
  longest = 0;
  while (!isOver()) {
    await new Promise(requestAnimationFrame);
    step();
    for (const name in all) most[name] = Math.max(most[name] ?? 0, document.querySelectorAll(all[name]).length);
  }
  await new Promise((resolve) => setTimeout(resolve, 300)); // tasks are told of late
  return { ...most, longest };
};
"""
"""For a page before its own scripts: `longest` is its longest task yet, in milliseconds, `scrolled` the loop."""


def slowness() -> float:
    """Return how much longer things take than on a machine with a core for each who wants one."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


async def heap_bytes(page: Any) -> int:
    """Return what the page's scripts hold once the garbage is gone."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("HeapProfiler.collectGarbage")
    return int((await devtools.send("Runtime.getHeapUsage"))["usedSize"])
