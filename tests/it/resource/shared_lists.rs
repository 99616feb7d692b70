//! The values of a multi-valued attribute (RFC 7643 §2.4) behave as a vector, and a clone keeps its values when the
//! original changes.

use proptest::prelude::*;
use scim_core::value::{List, Value};

/// A change of a list.
#[derive(Clone, Debug)]
enum Change {
    Push(i64),
    Set(prop::sample::Index, i64),
    RetainBelow(i64),
    Extend(Vec<i64>),
    Negate,
    /// Keeps a clone, which shares the values.
    Clone,
    /// Makes a vector and a list again.
    Rebuild,
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = prop_oneof![
        4 => any::<i64>().prop_map(Change::Push),
        2 => (any::<prop::sample::Index>(), any::<i64>()).prop_map(|(index, number)| Change::Set(index, number)),
        1 => any::<i64>().prop_map(Change::RetainBelow),
        1 => prop::collection::vec(any::<i64>(), 0..9).prop_map(Change::Extend),
        1 => Just(Change::Negate),
        1 => Just(Change::Clone),
        1 => Just(Change::Rebuild),
    ];
    prop::collection::vec(change, 0..40)
}

fn numbers(list: &[Value]) -> Vec<i64> {
    list.iter().filter_map(Value::as_i64).collect()
}

fn check(before: Vec<i64>, changes: Vec<Change>) -> Result<(), TestCaseError> {
    let mut list: List = before.iter().copied().map(Value::Integer).collect();
    let mut model = before;
    let mut clones: Vec<(List, Vec<i64>)> = Vec::new();
    for change in changes {
        match change {
            Change::Push(number) => {
                list.push(Value::Integer(number));
                model.push(number);
            }
            Change::Set(index, number) if !model.is_empty() => {
                let index = index.index(model.len());
                list.make_mut()[index] = Value::Integer(number);
                model[index] = number;
            }
            Change::Set(..) => {}
            Change::RetainBelow(number) => {
                list.retain(|value| value.as_i64() < Some(number));
                model.retain(|value| *value < number);
            }
            Change::Extend(more) => {
                list.extend(more.iter().copied().map(Value::Integer));
                model.extend(more);
            }
            Change::Negate => {
                for value in &mut list {
                    *value = Value::Integer(value.as_i64().map_or(0, i64::wrapping_neg));
                }
                for number in &mut model {
                    *number = number.wrapping_neg();
                }
            }
            Change::Clone => {
                let clone = list.clone();
                prop_assert_eq!(clone.as_ptr(), list.as_ptr(), "a clone shares the values");
                clones.push((clone, model.clone()));
            }
            Change::Rebuild => list = std::mem::take(&mut list).into_vec().into(),
        }
        prop_assert_eq!(numbers(&list), model.clone());
        for (clone, expected) in &clones {
            prop_assert_eq!(&numbers(clone), expected, "a change of the original changes no clone");
            prop_assert_eq!(*clone == list, *expected == model, "equality compares the values");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_list_of_few_values_behaves_as_a_vector(before in prop::collection::vec(any::<i64>(), 0..5), changes in changes()) {
        check(before, changes)?;
    }

    /// The lists grow from few values to many, and shrink again.
    #[test]
    fn a_list_around_the_limit_behaves_as_a_vector(
        before in prop::collection::vec(any::<i64>(), 50..90),
        changes in changes(),
    ) {
        check(before, changes)?;
    }
}

#[test]
fn a_list_is_made_of_arrays_of_each_length() {
    let few: List = [Value::Integer(0)].into();
    let many: List = [const { Value::Integer(0) }; 100].into();
    assert_eq!((few.len(), many.len(), List::new().len()), (1, 100, 0));
    assert_eq!(few.as_ref(), Vec::from(few.clone()));
    assert_eq!(many.into_iter().count(), 100);
    assert_eq!((&few).into_iter().count(), 1);
    assert_eq!(format!("{few:?}"), "[Integer(0)]");
}
