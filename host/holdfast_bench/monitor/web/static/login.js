const form = document.getElementById("form");
form.addEventListener("submit", async event => {
  event.preventDefault();
  const token = document.getElementById("token").value.trim();
  const answer = await fetch("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ token }) });
  const to = new URLSearchParams(location.search).get("to") || "/";
  if (answer.ok) location.href = to.startsWith("/") && !to.startsWith("//") ? to : "/";
  else document.getElementById("wrong").textContent = "This is not the token.";
});
