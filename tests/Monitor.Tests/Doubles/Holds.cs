using FsCheck;
using FsCheck.Fluent;

namespace OvirtSpm.Monitor.Tests.Doubles;

/// <summary>Runs a property with a fixed seed, so that a red build is red for everybody.</summary>
internal static class Holds
{
    public static void ForAll<T>(Arbitrary<T> values, Action<T> body, int tests = 500) =>
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(tests).WithReplay(20260101UL, 7UL), Prop.ForAll(values, body));

    public static void ForAll<T>(Gen<T> values, Action<T> body, int tests = 500) => ForAll(values.ToArbitrary(), body, tests);
}
