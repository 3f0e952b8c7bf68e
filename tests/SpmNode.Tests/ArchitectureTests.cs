using System.Reflection;
using System.Text.RegularExpressions;

namespace OvirtSpm.Node.Tests;

/// The rules that keep the safety argument readable: who may know whom, and what may not stand in the sources.
public partial class ArchitectureTests
{
    static readonly string[] Libraries = ["Leases", "LvmMetadata", "Volumes", "Monitor"];

    static readonly string Root = FindRoot();

    /// Files outside SpmNode/Linux that may name it: the one that joins ports and kernel, and the entry points of verbs
    /// that work straight on a LUN, without a node.
    static bool MayNameLinux(string path) =>
        path == "src/SpmNode/NodeComposition.cs" || path.StartsWith("src/SpmNode/Linux/") || path.StartsWith("src/SpmNode/Cli/");

    static readonly string[] SimulatedFolders =
        ["src/SpmNode/Roles/", "src/SpmNode/Pool/", "src/SpmNode/Storage/", "src/SpmNode/Guests/", "src/SpmNode/HostNode.cs", "src/SpmNode/Activation/VolumeActivator.cs", "src/SpmNode/Activation/VolumeActivator.Exclusive.cs", "src/SpmNode/Activation/VolumeLease.cs"];

    [Fact]
    public void The_four_libraries_do_not_know_each_other_or_the_node()
    {
        foreach (var library in Libraries)
        {
            var referenced = Assembly.Load(library).GetReferencedAssemblies().Select(name => name.Name!).ToArray();
            Assert.DoesNotContain(referenced, name => name == "spm" || Libraries.Contains(name));

            // An unused reference is dropped by the compiler, so the project file is read, too.
            var project = File.ReadAllText(Path.Combine(Root, "src", library, library + ".csproj"));
            Assert.DoesNotContain("ProjectReference", project);
            Assert.Contains("<Simulated>true</Simulated>", project);
        }
    }

    [Fact]
    public void The_four_libraries_use_the_base_class_library_and_logging_abstractions_only()
    {
        foreach (var library in Libraries)
        {
            var referenced = Assembly.Load(library).GetReferencedAssemblies().Select(name => name.Name!);
            Assert.DoesNotContain(referenced, name =>
                name is not ("System.Runtime" or "netstandard" or "mscorlib" or "Microsoft.Extensions.Logging.Abstractions")
                && (!name.StartsWith("System.") || Forbidden().IsMatch(name)));
        }
    }

    [Fact]
    public void Only_the_composition_the_command_line_and_Linux_itself_mention_Linux() =>
        AssertNone(SourceFiles("src/SpmNode")
            .Where(file => !MayNameLinux(file.Path))
            .SelectMany(file => file.Lines.Where(line => NamesLinux().IsMatch(line.Text)).Select(line => $"{file.Path}:{line.Number}: {line.Text.Trim()}")),
            "The operating system is reached through a port; NodeComposition.cs joins the two.");

    /// The simulation runs these folders on one thread and one virtual clock; the libraries have the compiler to see to it.
    [Fact]
    public void What_the_simulation_runs_of_the_node_stays_on_its_scheduler() =>
        AssertNone(SourceFiles("src/SpmNode")
            .Where(file => SimulatedFolders.Any(folder => file.Path.StartsWith(folder, StringComparison.Ordinal)))
            .SelectMany(file => file.Lines.Where(line => LeavesTheScheduler().IsMatch(line.Text)).Select(line => $"{file.Path}:{line.Number}: {line.Text.Trim()}")),
            "src/BannedSymbols.txt names what to use instead.");

    [Fact]
    public void Nothing_in_src_refers_to_the_tests() =>
        AssertNone(SourceFiles("src")
            .SelectMany(file => file.Lines.Where(line => NamesTests().IsMatch(line.Text)).Select(line => $"{file.Path}:{line.Number}: {line.Text.Trim()}")),
            "The product must not know how it is tested.");

    [Fact]
    public void Nothing_in_src_is_left_for_later() =>
        AssertNone(SourceFiles("src")
            .SelectMany(file => file.Lines.Where(line => LeftForLater().IsMatch(line.Text)).Select(line => $"{file.Path}:{line.Number}: {line.Text.Trim()}")),
            "Finish it, refuse it with a message, or leave it out.");

    [Fact]
    public void No_file_in_src_is_longer_than_400_lines() =>
        AssertNone(SourceFiles("src").Where(file => file.Lines.Count > 400).Select(file => $"{file.Path}: {file.Lines.Count} lines"),
            "Split it by concern.");

    [Fact]
    public void Every_safety_rule_named_in_the_code_exists()
    {
        var known = Enumerable.Range(1, 31).Select(number => $"R{number}").Append("R6b").ToHashSet();
        AssertNone(SourceFiles("src").Concat(SourceFiles("tests"))
            .SelectMany(file => file.Lines.SelectMany(line => RuleInComment().Matches(line.Text)
                .SelectMany(comment => Rule().Matches(comment.Value))
                .Where(rule => !known.Contains(rule.Value))
                .Select(rule => $"{file.Path}:{line.Number}: {rule.Value}"))),
            "The rules are R1 to R31 and R6b.");
    }

    [Fact]
    public void The_check_for_safety_rules_sees_a_rule_in_a_comment_and_no_other_word()
    {
        Assert.Equal(["R5", "R99"], RulesIn("x(); /" + "/ R5: both headers, R99 too"));
        Assert.Equal(["R6b"], RulesIn("    //" + "/ <remarks>R6b</remarks>"));
        Assert.Empty(RulesIn("var x = \"R77\"; R77();"));
        Assert.Empty(RulesIn("/" + "/ XR77 and R77xy are words"));

        static IEnumerable<string> RulesIn(string line) =>
            RuleInComment().Matches(line).SelectMany(comment => Rule().Matches(comment.Value)).Select(rule => rule.Value);
    }

    static void AssertNone(IEnumerable<string> found, string advice)
    {
        var lines = string.Join('\n', found);
        Assert.True(lines.Length == 0, $"{advice}\n{lines}");
    }

    static IEnumerable<SourceFile> SourceFiles(string folder) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Root, path).Replace('\\', '/'))
            .Where(path => !path.Contains("/obj/") && !path.Contains("/bin/"))
            .Order(StringComparer.Ordinal)
            .Select(path => new SourceFile(path, [.. File.ReadAllLines(Path.Combine(Root, path)).Select((text, index) => new Line(index + 1, text))]));

    static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ovirt-spm.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"ovirt-spm.sln is not above {AppContext.BaseDirectory}: run the tests from inside the clone.");
    }

    [GeneratedRegex(@"ConfigureAwait\(|Task\.Run\(|DateTime(Offset)?\.(Utc)?Now|Guid\.NewGuid|Random\.Shared|CancelAsync|new Thread\(|Stopwatch|TimeProvider\.System|Parallel\.")]
    private static partial Regex LeavesTheScheduler();

    [GeneratedRegex(@"^System\.(IO\.(Pipes|FileSystem|MemoryMappedFiles)|Net\.(?!Primitives)|Diagnostics\.Process)")]
    private static partial Regex Forbidden();

    [GeneratedRegex(@"OvirtSpm\.Node\.Linux|using Linux\b|(?<![\w.])(?<!""[^""]*)Linux\.[A-Z]\w*[(.<]")]
    private static partial Regex NamesLinux();

    [GeneratedRegex(@"OvirtSpm\.\w+(\.\w+)*\.Tests|\bXunit\b|\btests/")]
    private static partial Regex NamesTests();

    [GeneratedRegex(@"\b(TODO|FIXME|XXX|NotImplementedException)\b")]
    private static partial Regex LeftForLater();

    [GeneratedRegex(@"//.*$")]
    private static partial Regex RuleInComment();

    [GeneratedRegex(@"\bR\d+[a-z]?\b")]
    private static partial Regex Rule();

    sealed record Line(int Number, string Text);

    sealed record SourceFile(string Path, IReadOnlyList<Line> Lines);
}
