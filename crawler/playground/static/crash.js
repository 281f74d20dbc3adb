// Ends the page's process at once: V8 gives up when an array gets longer than it can be.
"x".repeat(2 ** 28).split("");
