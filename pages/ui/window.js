// Tell the server whether the window is narrow, where it believes something else.
export default function ({ data, setStateValue }) {
  const query = matchMedia(`(max-width: ${data.below - 1}px)`);
  const tell = () => {
    if (query.matches !== data.narrow) setStateValue("narrow", query.matches);
  };
  query.addEventListener("change", tell);
  tell();
  return () => query.removeEventListener("change", tell);
}
