/** Tags of topics. */
import { AwsError } from '../wire/aws-error.ts';
import { invalidParameter } from './errors.ts';

export type TagList = readonly { readonly Key: string; readonly Value: string }[];
export type Tags = Readonly<Record<string, string>>;

const TAGS_MAX = 50;
const KEY_LENGTH_MAX = 128;
const VALUE_LENGTH_MAX = 256;

/** All tags after these were added. */
export function checkedTags(tags: Tags, added: TagList): Tags {
  const keys = new Set(added.map(({ Key }) => Key));
  if (keys.size < added.length) throw invalidParameter('Duplicated keys are not allowed.');
  for (const { Key, Value } of added) {
    if (Key === '' || Key.length > KEY_LENGTH_MAX) {
      throw invalidParameter('Tags', `the key of a tag has 1 to ${KEY_LENGTH_MAX} characters`);
    }
    if (Value.length > VALUE_LENGTH_MAX) {
      throw invalidParameter(
        'Tags',
        `the value of a tag has at most ${VALUE_LENGTH_MAX} characters`,
      );
    }
    if (/^aws:/i.test(Key)) {
      throw invalidParameter('Tags', 'keys that begin with aws: are for AWS itself');
    }
  }
  const all = new Map(Object.entries(tags));
  for (const { Key, Value } of added) all.set(Key, Value);
  if (all.size > TAGS_MAX) {
    throw new AwsError('TagLimitExceeded', `A topic can have at most ${TAGS_MAX} tags.`);
  }
  return Object.fromEntries(all);
}
