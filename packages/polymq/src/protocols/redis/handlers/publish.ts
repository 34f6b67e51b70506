import type { Handler } from '../command-row.ts';

export const publish: Handler = (session, args) => {
  session.answerPublish(session.publishing.publish(false, args[1]!, args[2]!));
};

export const spublish: Handler = (session, args) => {
  session.answerPublish(session.publishing.publish(true, args[1]!, args[2]!));
};
