// A classic script in the head: the colours are right before anything is painted.
{
  let theme = null;
  try { theme = localStorage.getItem("impasto.theme"); } catch { /* storage may be forbidden */ }
  if (theme) document.documentElement.dataset.theme = theme;
}
