// Keep the secret that names this browser for a year; no page of another site gets it sent along.
export default function ({ data }) {
  if (document.cookie.split("; ").some((c) => c.startsWith(data.name + "="))) return;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${data.name}=${data.value}; Path=/; Max-Age=31536000; SameSite=Strict${secure}`;
}
