# Looker.pm
#     A session that looks into the table of events all the time: how long
#     after it was sent does it see each of them?
#
#     my $looker = Looker->start($tally);
#     ...                                 # events with "sent", epoch seconds
#     my $seen = $looker->stop;           # {rows, p50, p99, most}: ms
#
# New rows are at the end of the table, as nothing is deleted.  What is
# committed while a look is on its way is seen by the next, and the time of
# seeing is when a look has ended.  Beside it a row of its own is committed at
# every look: {commit_p99, commit_most} say what the server did by itself.
package Looker;

use strict;
use warnings;

my $LOOK = <<'SQL';
CREATE TEMP TABLE seen (late float8);
CREATE TEMP TABLE committed (took float8);
CREATE TABLE IF NOT EXISTS public.look_over (n int);
CREATE TABLE IF NOT EXISTS public.look_probe (n int);
TRUNCATE public.look_over;
CREATE PROCEDURE pg_temp.look() LANGUAGE plpgsql AS $$
DECLARE
	-- From the last page on: it may have room.
	last tid := format('(%s,0)', greatest(0,
		pg_relation_size('tally_store.event') / 8192 - 1));
	started float8 := extract(epoch FROM clock_timestamp());
	upto tid;
	now float8;
	got float8[];
BEGIN
	RAISE INFO 'looking';
	LOOP
		SELECT max(ctid), array_agg((properties->>'sent')::float8)
			INTO upto, got FROM tally_store.event WHERE ctid > last;
		IF upto IS NOT NULL THEN
			now := extract(epoch FROM clock_timestamp());
			INSERT INTO seen SELECT now - sent FROM unnest(got) sent
				WHERE sent >= started;
			last := upto;
		END IF;
		EXIT WHEN EXISTS (SELECT FROM public.look_over);
		now := extract(epoch FROM clock_timestamp());
		INSERT INTO public.look_probe VALUES (1);
		COMMIT;
		INSERT INTO committed VALUES (
			extract(epoch FROM clock_timestamp()) - now);
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
CALL pg_temp.look();
SELECT count(*), 1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY late),
	1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY late),
	1000 * max(late), (SELECT 1000 * percentile_cont(0.99)
		WITHIN GROUP (ORDER BY took) FROM committed),
	(SELECT 1000 * max(took) FROM committed) FROM seen;
SQL

# start(tally) -- it looks when this returns.
sub start
{
	my ($class, $tally) = @_;
	my $file = $tally->dir . '/look.sql';
	open my $fh, '>', $file or die "$file: $!\n";
	print $fh $LOOK;
	close $fh;
	my $self = bless { tally => $tally, said => $tally->dir . '/log/look.log' },
		$class;
	unlink $self->{said};
	$self->{pid} = $tally->spawn('look', $tally->psql_command, '-f', $file);
	$tally->wait_until_up('look',
		sub { $tally->log_text('look') =~ /looking/ });
	return $self;
}

# stop -- once every event is in the database.
sub stop
{
	my ($self) = @_;
	my $tally = $self->{tally};
	my $line;

	$tally->psql('INSERT INTO public.look_over VALUES (1)');
	$tally->wait_until('what was seen',
		sub { ($line) = $tally->log_text('look') =~ /^(\d+\|.*)$/m });
	$tally->wait_for_exit('look', 30);
	my %seen;
	@seen{qw(rows p50 p99 most commit_p99 commit_most)} =
		map { $_ eq '' ? 0 : $_ } split /\|/, $line, -1;
	return \%seen;
}

1;
