// Ends the page's process, as an exhausted tab does: an array grows beyond what V8 can hold.
const array = [];
array.length = 0;
for (;;) array.push(...new Array(60000).fill(0));
