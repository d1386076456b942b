// Tell the server how the window looks, where it believes something else: narrow, light or dark.
export default function ({ data, parentElement, setStateValue }) {
  const query = matchMedia(`(max-width: ${data.below - 1}px)`);
  const tell = () => {
    if (query.matches !== data.narrow) setStateValue("narrow", query.matches);
  };
  query.addEventListener("change", tell);
  tell();
  // Streamlit calls this again when the reader changes the theme, but does not run the page again.
  const seen = parentElement.querySelector("span");
  const theme = getComputedStyle(seen).colorScheme;
  if (["light", "dark"].includes(theme) && theme !== data.theme) setStateValue("theme", theme);
  seen.dataset.theme = data.theme;
  return () => query.removeEventListener("change", tell);
}
