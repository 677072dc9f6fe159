-- The extension installs, and says which contract it keeps.
SET client_min_messages = warning;
CREATE EXTENSION tally;
SELECT tally.contract_version();
