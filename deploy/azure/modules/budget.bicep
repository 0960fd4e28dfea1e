// Mail before the month's money is gone. It stops nothing.
param name string

@description('What a month may cost, in the currency of the subscription.')
param amount int

@description('Who gets the mail.')
param emails array

@description('The first of a month. It cannot change.')
param begins string

resource budget 'Microsoft.Consumption/budgets@2024-08-01' = {
  name: name
  properties: {
    category: 'Cost'
    amount: amount
    timeGrain: 'Monthly'
    timePeriod: {
      startDate: begins
    }
    notifications: {
      half: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 50
        thresholdType: 'Actual'
        contactEmails: emails
      }
      whole: {
        enabled: true
        operator: 'GreaterThan'
        threshold: 100
        thresholdType: 'Forecasted'
        contactEmails: emails
      }
    }
  }
}
