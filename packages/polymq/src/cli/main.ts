/** The entry point of the program `polymq`. */
import { run } from './run.ts';

await run(process.argv.slice(2));
// A stray timer or socket must not keep a stopped broker from ending.
process.exit();
