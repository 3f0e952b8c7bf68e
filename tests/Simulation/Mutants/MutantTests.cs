using System.Text.RegularExpressions;

namespace OvirtSpm.Simulation.Mutants;

/// <summary>A simulation that finds nothing proves something only if it finds what is known to be wrong.</summary>
public partial class MutantTests(ITestOutputHelper output)
{
    private const int MostSeeds = 20_000;

    public static IEnumerable<TheoryDataRow<string>> Quick => Mutant.All.Where(mutant => mutant.IsQuick).Select(mutant => new TheoryDataRow<string>(mutant.Name));

    /// <summary>SPM_MUTANT names the only one to try, which may be one that nothing has found yet.</summary>
    public static IEnumerable<TheoryDataRow<string>> Slow => Mutant.All
        .Where(mutant => Environment.GetEnvironmentVariable("SPM_MUTANT") is { Length: > 0 } only ? mutant.Name == only : !mutant.IsQuick && !mutant.IsOpen)
        .Select(mutant => new TheoryDataRow<string>(mutant.Name));

    [Theory]
    [MemberData(nameof(Quick))]
    public void A_rule_broken_on_purpose_is_found_at_once(string mutant) => Find(mutant, 100);

    [Theory(Explicit = true)]
    [MemberData(nameof(Slow))]
    public void A_rule_broken_on_purpose_is_found(string mutant) => Find(mutant, MostSeeds);

    /// A mutant whose text has moved would otherwise be noticed only by those who run the explicit tests.
    [Fact]
    public void Every_mutant_still_finds_its_text_in_the_sources()
    {
        foreach (var mutant in Mutant.All)
        {
            var text = File.ReadAllText(Path.Combine(Repository.Root, mutant.Project, mutant.File));
            Assert.True(text.Split(mutant.Old).Length == 2, $"{mutant.Name}: the text is not exactly once in {mutant.File}");
        }
    }

    private void Find(string name, int seeds)
    {
        using var build = new MutantBuild(Mutant.All.Single(mutant => mutant.Name == name));
        var (code, said) = Repository.Run(build.Program, ["simulate", "--seeds", $"{seeds}"], Repository.Root, TimeSpan.FromMinutes(30));
        Assert.True(code == 1, $"{name} was not found in {seeds} seeds: exit code {code}\n{said}");
        var verdict = Verdict().Match(said);
        var (whole, otherwise) = Repository.Run(
            Path.Combine(AppContext.BaseDirectory, "Simulation"), ["simulate", "--seed", verdict.Groups[1].Value, "--seeds", "1"], Repository.Root, TimeSpan.FromMinutes(5));
        Assert.True(whole == 0, $"the seed that found {name} fails without it, too: that is no proof, and a bug\n{otherwise}");
        output.WriteLine($"{name}: {Done().Match(said).Value}; {verdict.Value}");
    }

    [GeneratedRegex(@"^\d+ seeds", RegexOptions.Multiline)]
    private static partial Regex Done();

    [GeneratedRegex(@"^seed (\d+): .*$", RegexOptions.Multiline)]
    private static partial Regex Verdict();
}
