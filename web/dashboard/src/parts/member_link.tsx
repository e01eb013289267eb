// A link to this same page on another member. The token travels in the fragment, which browsers
// never send to a server, and enters the link only at the moment it is followed.
import type { ComponentChildren, TargetedMouseEvent } from "preact";
import { cursor } from "../live";
import { isWebAddress, pageAt, pageWithToken } from "../logic/address";
import { route, token } from "../session";

interface Props {
  http: string;
  children: ComponentChildren;
  class?: string;
  testId?: string;
  sameTab?: boolean;
}

export function MemberLink({ http, children, class: style, testId, sameTab }: Props) {
  if (!isWebAddress(http)) return <span class="mono">{http || "no page"}</span>;
  const plain = pageAt(http, route.value);
  const arm = (event: { currentTarget: EventTarget | null }) => {
    const link = event.currentTarget as HTMLAnchorElement;
    link.href = pageWithToken(http, route.value, token.value, cursor.value);
    setTimeout(() => {
      link.href = plain;
    }, 1000);
  };
  const pointed = (event: TargetedMouseEvent<HTMLAnchorElement>) => {
    if (event.button < 2) arm(event);
  };
  return (
    <a
      href={plain}
      class={style}
      data-testid={testId}
      rel="noreferrer noopener"
      {...(sameTab ? {} : { target: "_blank" })}
      onMouseDown={pointed}
      onClick={arm}
      onAuxClick={pointed}
    >
      {children}
    </a>
  );
}
