# Standin.pm
#     A database that does what a test wants: the functions the responders
#     call, as small SQL, in a cluster of TallyTest's.
#
#     my $tally = TallyTest->new;
#     my $project = Standin::start($tally);
#
# What tally.query() does is chosen by the name of the analysis:
#   echo            its arguments, as JSON
#   sleep           sleeps for request->seconds
#   sleep_error     sleeps, then fails as error does
#   big             request->pieces pieces of 1,000 bytes, after the first of
#                   each 100 sleeping for request->pause seconds
#   half            as big, but fails in the last piece
#   error           fails with request->sqlstate, message, detail and hint
package Standin;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);

my $SQL = <<'SQL_END';
CREATE SCHEMA tally;
CREATE ROLE tally_reader LOGIN;
CREATE ROLE tally_writer LOGIN;
GRANT USAGE ON SCHEMA tally TO tally_reader, tally_writer;

CREATE FUNCTION tally.contract_version() RETURNS int
LANGUAGE sql AS 'SELECT 1';

CREATE TABLE tally.key (key_hash bytea, project text, scope text);
CREATE FUNCTION tally.key_snapshot(OUT key_hash bytea, OUT project text,
                                   OUT scope text)
RETURNS SETOF record LANGUAGE sql SECURITY DEFINER
AS 'SELECT key_hash, project, scope FROM tally.key';

CREATE FUNCTION tally.piece(project text, analysis text, request jsonb,
                            pretty bool, i int, n int) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  IF analysis = 'echo' THEN
    RETURN jsonb_build_object('project', project, 'request', request,
      'pretty', pretty, 'read_only',
      current_setting('transaction_read_only'),
      'timeout', (SELECT setting FROM pg_catalog.pg_settings
                  WHERE name = 'statement_timeout'));
  ELSIF analysis = 'sleep' THEN
    PERFORM pg_sleep((request->>'seconds')::float8);
    RETURN '{"result": "slept"}';
  ELSIF analysis = 'sleep_error' THEN
    PERFORM pg_sleep((request->>'seconds')::float8);
  ELSIF analysis IN ('big', 'half') THEN
    IF analysis = 'half' AND i = n THEN
      RAISE EXCEPTION 'half way' USING ERRCODE = '22023';
    END IF;
    IF i % 100 = 1 THEN
      PERFORM pg_sleep(coalesce((request->>'pause')::float8, 0));
    END IF;
    RETURN repeat('x', 1000);
  END IF;
  RAISE EXCEPTION '%', request->>'message' USING
    ERRCODE = request->>'sqlstate',
    DETAIL = coalesce(request->>'detail', ''),
    HINT = coalesce(request->>'hint', '');
END
$$;

-- value-per-call, as the real one: a piece is on its way before the next is
-- made
CREATE FUNCTION tally.query(project text, analysis text, request jsonb,
                            pretty bool DEFAULT false) RETURNS SETOF text
LANGUAGE sql AS $$
  SELECT tally.piece(project, analysis, request, pretty, i, n)
  FROM (SELECT coalesce((request->>'pieces')::int, 1)) AS p (n),
       generate_series(1, n) AS i
$$;
SQL_END

# add_key(tally, project, scope) -- a new key's text.
sub add_key
{
	my ($tally, $project, $scope) = @_;
	my $key = uc sha256_hex(rand() . $project . $scope . time);
	my $hash = sha256_hex($key);
	$tally->psql("INSERT INTO tally.key VALUES"
			. " ('\\x$hash', '$project', '$scope')");
	return $key;
}

# project(tally, id) -- {project, master_key, write_key, read_key}
sub project
{
	my ($tally, $id) = @_;
	return {
		project => $id,
		map { ("${_}_key" => add_key($tally, $id, $_)) }
			qw(master write read)
	};
}

# start(tally) -- the cluster, its functions, and a project.
sub start
{
	my ($tally) = @_;
	$tally->start_postgres(plain => 1, conf => "log_statement = 'all'\n");
	$tally->psql('CREATE DATABASE tally', db => 'postgres');
	$tally->psql($SQL);
	return project($tally, '0123456789abcdef01234567');
}

# queries_running(tally) -- statements of tally-read that are under way.
sub queries_running
{
	my ($tally) = @_;
	return $tally->psql("SELECT count(*) FROM pg_stat_activity"
			. " WHERE application_name = 'tally-read' AND state = 'active'"
			. " AND query LIKE '%tally.query%'");
}

# queries_begun(tally) -- how many statements have called tally.query().
sub queries_begun
{
	my ($tally) = @_;
	my $log = $tally->log_text('postgres');
	return scalar(() = $log =~ /execute <unnamed>: SELECT tally\.query\(/g);
}

1;
