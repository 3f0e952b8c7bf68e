using OvirtSpm.Node.Cli;

namespace OvirtSpm.Node.Tests.Cli;

/// <summary>Where an export may put its file.</summary>
public sealed class ExportTargetTests
{
    /// Moving a file there would leave a machine without its device, also when replacing was asked for.
    [Fact]
    public void A_device_a_link_and_a_directory_are_never_replaced()
    {
        var here = Directory.CreateTempSubdirectory("export-");
        try
        {
            var (file, link) = (Path.Combine(here.FullName, "file"), Path.Combine(here.FullName, "link"));
            File.WriteAllText(file, "kept");
            File.CreateSymbolicLink(link, file);
            foreach (var place in new[] { "/dev/null", link })
            {
                var refused = Assert.Throws<Refusal>(() => ExportTarget.At(place, replace: true));
                Assert.Equal(RefusalCode.Conflict, refused.Code);
                Assert.Contains("not replaced", refused.Message, StringComparison.Ordinal);
            }
            Assert.Equal(RefusalCode.Invalid, Assert.Throws<Refusal>(() => ExportTarget.At(here.FullName, replace: true)).Code);

            Assert.Equal(RefusalCode.Conflict, Assert.Throws<Refusal>(() => ExportTarget.At(file, replace: false)).Code);
            using var target = ExportTarget.At(file, replace: true);
            File.WriteAllText(target.Path, "new");
            Assert.Equal(("kept", file, "new"), (File.ReadAllText(file), target.Publish(), File.ReadAllText(file)));
        }
        finally
        {
            here.Delete(recursive: true);
        }
    }
}
