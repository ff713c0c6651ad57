// Applies the chosen theme before the page is painted; without a choice, the system's applies.
{
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}
