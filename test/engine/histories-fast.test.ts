import { BY_THE_RFC, describeHistories } from '../support/histories.js';

describeHistories(0, { profile: 'fast', oneOf: 2, shows: `fast: ${BY_THE_RFC.shows}` });
