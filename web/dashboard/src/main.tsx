import { render } from "preact";
import { App } from "./app";
import { begin } from "./live";

const page = document.getElementById("page");
if (page) {
  page.replaceChildren();
  render(<App />, page);
}
begin();
