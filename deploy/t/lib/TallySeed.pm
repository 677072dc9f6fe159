# TallySeed.pm
#     Where a random test begins: the same for every run of a commit, so that one
#     who runs it sees what others saw, and other for each commit.
#
#     use TallySeed qw(seed);
#     srand seed('damaged grids');    # says "damaged grids drawn from TALLY_SEED=.."
#
# TALLY_SEED, a number below a million, overrides it; deploy/check.sh, whose copy
# of the checkout has no commit, sets it to
#     perl -I deploy/t/lib -MTallySeed=of_commit -e 'print of_commit()'
package TallySeed;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use Test::More ();

our @EXPORT_OK = qw(seed of_commit);

# of_commit -- from the commit that is checked out; without one a fixed number.
sub of_commit
{
	my $root = abs_path(dirname(__FILE__) . '/../../..');
	open(my $saved, '>&', \*STDERR) or die "stderr: $!\n";
	open(STDERR, '>', '/dev/null') or die "/dev/null: $!\n";
	# a checkout may be another user's, and may be no repository's top
	my $opened = open my $git, '-|', 'git', '-c', 'safe.directory=*', '-C', $root,
		'rev-parse', '--show-prefix', 'HEAD';
	my ($prefix, $id) = $opened ? <$git> : ();
	close $git if $opened;
	open(STDERR, '>&', $saved) or die "stderr: $!\n";
	return 424242 if ($prefix // '') ne "\n" || ($id // '') !~ /^([0-9a-f]{7})/;
	return hex($1) % 1_000_000;
}

# seed(what) -- the number, and a line that says it, to run a failure again.
sub seed
{
	my ($what) = @_;
	my $seed = $ENV{TALLY_SEED} // of_commit();
	die "TALLY_SEED=$seed is no number below a million\n" if $seed !~ /^\d{1,6}$/;
	Test::More::diag("$what drawn from TALLY_SEED=$seed");
	return $seed;
}

1;
